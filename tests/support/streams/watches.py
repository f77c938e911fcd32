"""A watch over the series of four places, run through simulated minutes."""

from collections.abc import Callable
from random import Random

from benchmarks.spikes.series import DAY_MINUTES, draw
from streams.spikes.episodes import Change
from streams.spikes.series import Counts, Place
from streams.spikes.watch import Watch

WEEK = 7 * DAY_MINUTES
CHAT, PHONE = Place("t", "sales", "chat"), Place("t", "sales", "phone")
OTHER_CHAT, OTHER_PHONE = Place("t", "help", "chat"), Place("t", "help", "phone")
MEANS = {CHAT: 2.0, PHONE: 2.0, OTHER_CHAT: 1.0, OTHER_PHONE: 3.0}

Factor = Callable[[Place], float]


def usual(place: Place) -> float:
    """Return a factor of one for every place."""
    return 1.0


def traffic(chance: Random, minute: int, factor: Factor = usual) -> dict[Place, Counts]:
    """Return the arrivals of a minute: for each place a count around its mean, times a factor."""
    counts = {}
    for place, mean in MEANS.items():
        now = mean * factor(place)
        arrived_count = draw(chance, now, 1.5) if now else 0
        if arrived_count:
            counts[place] = Counts(arrived_count=arrived_count)
    return counts


class Life:
    """A watch that runs through minutes, and the changes it has reported."""

    def __init__(self, watch: Watch, seed: int = 1, minute: int = 0) -> None:
        self.watch, self.minute, self.chance = watch, minute, Random(seed)

    def learn(self, minutes: int, factor: Factor = usual) -> None:
        for _ in range(minutes):
            self.watch.learn(self.minute, traffic(self.chance, self.minute, factor))
            self.minute += 1

    def observe(self, minutes: int, factor: Factor = usual) -> list[Change]:
        changes = []
        for _ in range(minutes):
            changes += self.watch.observe(self.minute, traffic(self.chance, self.minute, factor))
            self.minute += 1
        return changes


def kinds(changes: list[Change]) -> list[str]:
    """Return the kinds of the changes: began, worsened, ended."""
    return [change.kind for change in changes]
