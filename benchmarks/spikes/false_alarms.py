"""False episodes on uneventful weeks: of one series, and of a whole installation under one budget."""

import math
from random import Random
from typing import NamedTuple

import numpy as np

from benchmarks.spikes.candidates import BUDGET, CONTENDERS
from benchmarks.spikes.detectors import Ours
from benchmarks.spikes.series import WEEK_MINUTES, draw, season
from streams.spikes.series import Counts, Place
from streams.spikes.watch import Watch

MEANS = (0.02, 0.2, 2.0, 20.0)
DISPERSIONS = (1.0, 2.0, 3.0)
#: Standard deviation of the log rate, and the relaxation time in minutes.
WANDERINGS = ((0.1, 180), (0.2, 30), (0.2, 180), (0.4, 600))
WANDERING_MEANS = (1.0, 10.0)
WANDERING_DISPERSION = 1.5
LEARNED_WEEKS, JUDGED_WEEKS = 2, 4
QUEUES, CHANNELS = 8, ("chat", "email", "phone", "social")
SEASON = [season(minute) for minute in range(WEEK_MINUTES)]


class Quiet(NamedTuple):
    """False episodes of one detector on series of one kind, over a number of series-weeks."""

    name: str
    mean: float
    dispersion: float
    episode_count: int
    weeks: int


def of_series(mean: float, dispersion: float, series_count: int) -> list[Quiet]:
    """Run every contender on the same series, with a mean of `mean` events a minute over the week."""
    counts = dict.fromkeys(CONTENDERS, 0)
    contenders = {name: make(series_count) for name, make in CONTENDERS.items()}
    chances = [Random(f"quiet {mean} {dispersion} {number}") for number in range(series_count)]
    for minute in range((LEARNED_WEEKS + JUDGED_WEEKS) * WEEK_MINUTES):
        rate = mean * SEASON[minute % WEEK_MINUTES]
        drawn = np.array([draw(chance, rate, dispersion) for chance in chances], np.float64)
        for name, detector in contenders.items():
            if minute < LEARNED_WEEKS * WEEK_MINUTES:
                detector.learn(minute, drawn)
            else:
                counts[name] += int(detector.begins(minute, drawn).sum())
    weeks = series_count * JUDGED_WEEKS
    return [Quiet(name, mean, dispersion, count, weeks) for name, count in counts.items()]


class Wandering(NamedTuple):
    """False episodes of ours on series whose log rate wanders around its season with standard deviation `deviation`."""

    deviation: float
    minutes: int
    mean: float
    episode_count: int
    weeks: int


def of_wandering(deviation: float, minutes: int, mean: float, series_count: int) -> Wandering:
    """Model the log rate as an Ornstein-Uhlenbeck process with the given relaxation time in minutes."""
    kept, nows = math.exp(-1 / minutes), [0.0] * series_count
    detector, count = Ours(np.full(series_count, BUDGET)), 0
    chances = [Random(f"wandering {deviation} {minutes} {mean} {number}") for number in range(series_count)]
    for minute in range((LEARNED_WEEKS + JUDGED_WEEKS) * WEEK_MINUTES):
        drawn = np.zeros(series_count)
        for number, chance in enumerate(chances):
            nows[number] = kept * nows[number] + math.sqrt(1 - kept * kept) * chance.gauss(0, deviation)
            rate = mean * SEASON[minute % WEEK_MINUTES] * math.exp(nows[number] - deviation * deviation / 2)
            drawn[number] = draw(chance, rate, WANDERING_DISPERSION)
        begun = detector.begins(minute, drawn)
        count += int(begun.sum()) if minute >= LEARNED_WEEKS * WEEK_MINUTES else 0
    return Wandering(deviation, minutes, mean, count, series_count * JUDGED_WEEKS)


class Installation(NamedTuple):
    """False episodes of a whole watch, over a number of weeks and of series under one budget."""

    episode_count: int
    weeks: int
    series_count: int
    budget_per_week: float


def of_installation(seed: int) -> Installation:
    """Simulate eight queues × four channels, one event in 20 minutes to three a minute, a tenth of them escalations."""
    chance = Random(f"installation {seed}")
    names = [Place("", f"queue {number}", channel) for number in range(QUEUES) for channel in CHANNELS]
    means = {place: 0.05 * 2 ** (number % 7) for number, place in enumerate(names)}
    watch, count = Watch(1.0), 0
    for minute in range((LEARNED_WEEKS + JUDGED_WEEKS) * WEEK_MINUTES):
        counts, now = {}, SEASON[minute % WEEK_MINUTES]
        for place, mean in means.items():
            arrived_count = draw(chance, mean * now, 1.5)
            escalated_count = draw(chance, 0.1 * mean * now, 1.5)
            if arrived_count or escalated_count:
                counts[place] = Counts(escalated_count, arrived_count)
        if minute < LEARNED_WEEKS * WEEK_MINUTES:
            watch.learn(minute, counts)
        else:
            count += sum(change.kind == "began" for change in watch.observe(minute, counts))
    return Installation(count, JUDGED_WEEKS, len(watch.watched), 1.0)


def interval(count: int) -> tuple[float, float]:
    """Return the 95 % interval of a Poisson mean given `count`: Garwood's limits by Wilson and Hilferty."""
    low = count * (1 - 1 / (9 * count) - 1.96 / (3 * math.sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    return low, more * (1 - 1 / (9 * more) + 1.96 / (3 * math.sqrt(more))) ** 3
