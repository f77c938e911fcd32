"""All series of a calendar seen so far: which counts belong to them, and how they share the budget of false alarms.

Each series has a number, its column in the detectors. A series that is not known for a day is covered by the wider
series only.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from streams.spikes.bands import Band, bounds
from streams.spikes.calendar import DAY_HOURS, LocalQuarter
from streams.spikes.columns import Floats, copy_series
from streams.spikes.detectors import LEAST_EXPECTED, Alarm, SpikeDetectors
from streams.spikes.series import COUNTED, Counts, Measure, Place, Series, series_of
from streams.spikes.silence import Silences
from streams.spikes.windows import HOUR_MINUTES

#: Beyond this many series, further places are covered by wider ones only.
MOST_SERIES = 20_000
_FIRST_ROOM = 64
DAY_MINUTES = DAY_HOURS * HOUR_MINUTES
#: Of an hour of the week that was hardly seen, this many events count as uncertain: a night in which nothing was seen
#: is not missed.
UNSEEN_EVENTS = 8.0
#: Of a minute in which fewer events are expected and none come, no band is shown.
LEAST_SHOWN = 0.01


class AllSeries:
    """The series, and their detectors of spikes and of silence."""

    def __init__(self) -> None:
        #: By number.
        self.series: list[Series] = []
        self.numbers: dict[Series, int] = {}
        self.spikes = SpikeDetectors(_FIRST_ROOM)
        #: By place, the slots of its measures; -1 for one that has had no events. What comes in a slot belongs to the
        #: series that `_members` pairs with it; `_memberships` holds the same pairs as an array.
        self._slots: dict[Place, list[int]] = {}
        self._slot_count = 0
        self._members: list[tuple[int, int]] = []
        self._memberships = np.zeros((2, 0), np.int64)
        self.counts: Floats = np.zeros(_FIRST_ROOM)
        self.silences = Silences(_FIRST_ROOM)
        self._is_told_silent = np.zeros(_FIRST_ROOM, np.bool_)
        self._silence_days = np.full(_FIRST_ROOM, np.inf)

    @property
    def known_count(self) -> int:
        """The number of series of which a day is known."""
        return int(self.spikes.is_known[: len(self.series)].sum())

    @property
    def silent_count(self) -> int:
        """The number of series that are silent now."""
        return int(self.silences.is_silent.sum())

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget now."""
        is_known = self.spikes.is_known
        known = [series for number, series in enumerate(self.series) if is_known[number]]
        return known + [_silence_of(self.series[number]) for number in np.flatnonzero(self._is_told_silent & is_known)]

    def take(self, counts: Mapping[Place, Counts]) -> None:
        """Set the counts of a minute, in every series that they belong to; others have none."""
        slots: list[int] = []
        values: list[int] = []
        for place, place_counts in counts.items():
            of_measures = self._slots.get(place)
            if of_measures is None:
                of_measures = self._slots[Place(*place)] = [-1] * len(COUNTED)
            for index, count in enumerate(place_counts):
                if count > 0:
                    if of_measures[index] < 0:
                        of_measures[index] = self._new_slot(COUNTED[index], Place(*place))
                    slots.append(of_measures[index])
                    values.append(count)
        by_slot = np.zeros(self._slot_count)
        by_slot[slots] = values
        if self._memberships.shape[1] < len(self._members):
            self._memberships = np.array(self._members, np.int64).T
        slots_of_members, numbers = self._memberships
        self.counts = np.bincount(numbers, by_slot[slots_of_members], self.spikes.size).astype(np.float64)

    def warm_up(self, minute: int) -> None:
        """Take the minute for the expectations alone."""
        self.spikes.warm_up(minute, self.counts)

    def observe(self, minute: int) -> tuple[list[Alarm], list[int]]:
        """Take the minute, and return the alarms, and the series that a silence begins in."""
        alarms = self.spikes.observe(minute, self.counts)
        # Without what is only inferred from other hours.
        seen = 1 - np.minimum(1.0, UNSEEN_EVENTS * self.spikes.expectation.uncertainty)
        seen *= self.spikes.expectation.holidays.lower_ratio
        expected = np.where(self._is_told_silent, seen * self.spikes.windows.expected(minute, 1), 0.0)
        begins = self.silences.observe(minute, self.counts, expected, self.spikes.dispersion_of_bins, self._per_day)
        return alarms, [int(number) for number in np.flatnonzero(begins)]

    def bands(self, minute: int) -> Iterator[Band]:
        """Yield the expected bands of the minute taken last, of the series that are known."""
        means = np.maximum(self.spikes.windows.expected(minute, 1), LEAST_EXPECTED)
        variances = self.spikes.variances_of_bins(means)
        lower, upper = bounds(means, variances)
        shown = self.spikes.is_known & ((means >= LEAST_SHOWN) | (self.counts > 0))
        for number in np.flatnonzero(shown[: len(self.series)]):
            yield Band(
                self.series[number],
                int(self.counts[number]),
                float(means[number]),
                float(lower[number]),
                float(upper[number]),
            )

    def turn(self, minute: int, quarter: LocalQuarter, is_new_day: bool) -> None:
        """Begin the quarter of an hour that contains the minute. Call `spend` on a new day."""
        self.spikes.turn(minute, quarter, self.silences.is_silent)
        if is_new_day:
            is_counted = self._is_told_silent & self.spikes.is_known
            self.silences.close_day(is_counted, self._per_day, self._silence_days)

    def skip(self, minute: int) -> None:
        """Move to a minute, to be followed by `turn`; those skipped are unknown."""
        self.spikes.skip(minute)

    def spend(self, share_of: Mapping[Series, float]) -> None:
        """Set the budget of each series, false episodes a minute; none for those that are not named."""
        days = np.full(self.spikes.size, np.inf)
        for number, series in enumerate(self.series):
            share = share_of.get(series, 0.0)
            days[number] = 1 / (share * DAY_MINUTES) if share else np.inf
        for told in np.flatnonzero(self._is_told_silent):
            share = share_of.get(_silence_of(self.series[told]), 0.0)
            self._silence_days[told] = 1 / (share * DAY_MINUTES) if share else np.inf
        self.spikes.ordinary_days.set_budget(days)

    def number_of(self, series: Series) -> int:
        """Return the number of a series, which is added if it is new."""
        number = self.numbers.get(series)
        if number is None:
            number = self.numbers[series] = len(self.series)
            self.series.append(series)
            if number >= self.spikes.size:
                self._grow(2 * self.spikes.size)
            self.spikes.forget(number)
            self._is_told_silent[number] = series.measure == "inflow" and series.scope in ("all", "channel")
        return number

    def _new_slot(self, measure: Measure, place: Place) -> int:
        """Return a slot for the counts of a place, which belong to the series of the place and around it.

        Beyond the limit, only to the widest series and those already known.
        """
        is_full = len(self.series) >= MOST_SERIES
        wanted = [s for s in series_of(measure, place) if not is_full or s.scope == "all" or s in self.numbers]
        slot = self._slot_count
        self._slot_count += 1
        self._members += [(slot, self.number_of(series)) for series in wanted]
        return slot

    def _grow(self, size: int) -> None:
        old = self.spikes.size
        self.spikes.grow(size)
        self.counts = np.append(self.counts, np.zeros(size - old))
        self._is_told_silent = np.append(self._is_told_silent, np.zeros(size - old, np.bool_))
        self._silence_days = np.append(self._silence_days, np.full(size - old, np.inf))
        silences = Silences(size)
        copy_series(self.silences, 0, old, silences, 0)
        self.silences = silences

    @property
    def _per_day(self) -> Floats:
        return self.spikes.expectation.week.mean * DAY_MINUTES


def _silence_of(series: Series) -> Series:
    return series._replace(measure="silence")


def shares(watched: Collection[Series], budget: float) -> dict[Series, float]:
    """Return the share of the budget of each series; together they use all of it.

    Each measure and scope with any series gets the same part, divided equally among its series: one more queue makes
    queues a little less sensitive, and never the totals. Series overlap, so several alarm for one cause: the budget is
    an upper bound of the false episodes.
    """
    numbers = Counter((series.measure, series.scope) for series in watched)
    return {series: budget / len(numbers) / numbers[series.measure, series.scope] for series in watched}
