"""Series computed side by side are what each is alone, whatever the others do, and however many there are."""

import numpy as np

from streams.spikes.calendar import LocalQuarter
from streams.spikes.columns import Floats, arrays
from streams.spikes.detectors import SpikeDetectors
from tests.support.streams.counts import BINS_PER_HOUR, DAY, MONDAY, drawn, usual

QUARTER_BINS = BINS_PER_HOUR // 4
DAYS = 12


def counts_of(one: int) -> list[Floats]:
    """Return the counts of a series by bin, with a level and chances of its own, and a burst on its eighth day."""
    chance, level = np.random.default_rng(one), 4.0**one / 8
    burst = range(MONDAY + 8 * DAY + one * BINS_PER_HOUR, MONDAY + 8 * DAY + (one + 1) * BINS_PER_HOUR)
    rates = [level * usual(at) * (8 if at in burst else 1) for at in range(MONDAY, MONDAY + DAYS * DAY)]
    return [drawn(chance, rate, 1.5, 1) for rate in rates]


def run(columns: list[list[Floats]], room: int, grown_to: int = 0) -> tuple[SpikeDetectors, list[tuple[int, int]]]:
    """Run through the counts, with some room that grows after four days; return (series, bin) of the alarms."""
    detectors = SpikeDetectors(room, BINS_PER_HOUR)
    detectors.ordinary_days.set_budget(7.0)
    found = []
    for number in range(DAYS * DAY):
        at = MONDAY + number
        if number == 4 * DAY and grown_to:
            detectors.grow(grown_to)
        if at % QUARTER_BINS == 0:
            detectors.turn(at, LocalQuarter(at // QUARTER_BINS), np.zeros(detectors.size, np.bool_))
        counts = np.zeros(detectors.size)
        counts[: len(columns)] = [column[number][0] for column in columns]
        found += [(alarm.series, at) for alarm in detectors.observe(at, counts)]
    return detectors, found


def state(detectors: SpikeDetectors, series: int) -> list[Floats]:
    """Return the state of one series."""
    return [array[..., series] for part in detectors._parts() for array in arrays(part).values()]


def test_a_series_among_others_is_as_it_is_alone() -> None:
    columns = [counts_of(one) for one in range(4)]
    together, found = run(columns, room=2 * len(columns))
    grown, found_grown = run(columns, room=len(columns), grown_to=9)
    # The first series is too rare for a burst of so few events.
    assert {series for series, _ in found} >= {1, 2, 3}
    assert sorted(found_grown) == sorted(found)
    for one, column in enumerate(columns):
        alone, found_alone = run([column], room=1)
        assert [at for series, at in found if series == one] == [at for _, at in found_alone]
        for mine, other, third in zip(state(alone, 0), state(together, one), state(grown, one), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-9, equal_nan=True)
            np.testing.assert_allclose(mine, third, rtol=1e-6, atol=1e-9, equal_nan=True)


def test_a_forgotten_series_is_a_new_one() -> None:
    detectors, _ = run([counts_of(1), counts_of(2)], room=2)
    detectors.forget(1)
    fresh = SpikeDetectors(1, BINS_PER_HOUR)
    fresh.ordinary_days.days_per_alarm[:] = 7.0
    for mine, new in zip(state(detectors, 1), state(fresh, 0), strict=True):
        np.testing.assert_array_equal(mine[np.isfinite(new)], new[np.isfinite(new)])
