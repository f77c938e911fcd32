"""What the ordinary days of a series reach: daily maxima, and the thresholds that follow from them.

An alarm needs both. Its evidence must be larger than noise explains: than the usual daily maximum of its window, plus
the logarithm of the days per false alarm. And its size, the events beyond the expectation, must be larger than this
series reaches on one day in so many: by rank as far as that was seen, then by an exponential tail (peaks over
threshold, Siffer et al. 2017).

A day with an alarm is no ordinary day, yet the same thing may be ordinary from now on: such days count at most
`MOST_GROWTH` times the next smaller one, the smallest of them that multiple of what the other days reach. So no event
can set a threshold alone, and whatever comes again and again becomes ordinary. Only the sizes of the last days count,
not how they came to be judged, so that a restart comes to the same thresholds.
"""

import math
from collections.abc import Sequence

import numpy as np

from streams.spikes.columns import Flags, Floats

DAYS = 28
#: Days assumed in advance, as of a Poisson series.
ASSUMED_DAYS = 5
#: Windows overlap, and a window must also pass the test of sizes: together they count as this many.
WINDOWS = 4.0
#: An alarmed day has two or three alarms: sizes are judged at so many times the days per false alarm.
ALARMS_PER_DAY = 2.5
#: A usual daily maximum is at least and at most this multiple of a Poisson series': beyond, it is clumps, not noise.
LEAST_STRETCH, MOST_STRETCH = 0.7, 3.0
#: What exceeds a usual maximum by so many nats is no noise, and its size is remembered.
BEYOND_NOISE = 2.0
#: A size counts as seen if it was reached on so many days.
TIMES_SEEN = 2.0
#: For the scale of the tail, a day counts at most as so many means.
LARGEST_DAY = 3.0
MOST_GROWTH = 2.0
#: A size of so many events is nothing special for any series.
LEAST_SIZE = 5.0
LEAST_MAXIMUM = 0.3
_ROUNDS, _ROUNDS_OF_ALARMS = 6, 3
#: Of the days assumed: quantiles of Gumbel's distribution about its median.
_DEVIATIONS = np.array([-math.log(-math.log((day + 0.5) / ASSUMED_DAYS)) - 0.37 for day in range(ASSUMED_DAYS)])


class OrdinaryDays:
    """The daily maxima of many series: of the evidence by window, and of the sizes over all windows.

    `close_day` ends a day and sets the thresholds. The budget is `days_per_alarm`: days per false alarm of a series.
    """

    def __init__(self, size: int, windows_per_day: Sequence[float]) -> None:
        #: By window, the median daily maximum of a Poisson series: about the logarithm of the number of windows a day.
        self._of_poisson = [max(1.0, math.log(number) - 0.6) for number in windows_per_day]
        windows = len(windows_per_day)
        self.evidence = np.zeros((windows, size))
        self.size = np.zeros(size)
        #: The last days, not a number where there was none.
        self.evidences = np.full((DAYS, windows, size), np.nan, np.float32)
        self.sizes = np.full((DAYS, size), np.nan, np.float32)
        self.days = np.zeros(size, np.int64)
        self.days_per_alarm = np.full(size, np.inf)
        #: By window: evidence that is no noise, how far chance stretches evidence, and the threshold of an alarm.
        self.noise = np.full((windows, size), np.inf)
        self.stretch = np.ones((windows, size))
        self.least_evidence = np.full((windows, size), np.inf)
        self.least_size = np.zeros(size)
        self._calibrate()

    def close_day(self, is_counted: Flags) -> None:
        """End a day, and count it for the series named."""
        series = np.flatnonzero(is_counted)
        rows = self.days[series] % DAYS
        self.evidences[rows, :, series] = self.evidence[:, series].T
        self.sizes[rows, series] = self.size[series]
        self.days[series] += 1
        self.evidence[:] = 0.0
        self.size[:] = 0.0
        self._calibrate()

    def set_budget(self, days_per_alarm: Floats | float) -> None:
        """Set the days per false alarm of all series, and the thresholds by them."""
        self.days_per_alarm[:] = days_per_alarm
        self._calibrate()

    def _calibrate(self) -> None:
        """Set the thresholds by the days known and the budget."""
        of_poisson = np.array(self._of_poisson)[:, None]
        assumed = np.maximum(LEAST_MAXIMUM, of_poisson + _DEVIATIONS[:, None, None])
        assumed = np.broadcast_to(assumed, (ASSUMED_DAYS, *self.evidence.shape))
        usual = np.nanmedian(np.concatenate((self.evidences, assumed)), axis=0)
        usual = np.clip(usual, LEAST_STRETCH * of_poisson, MOST_STRETCH * of_poisson)
        self.stretch[:] = np.maximum(1.0, usual / of_poisson)
        self.noise[:] = usual + BEYOND_NOISE * self.stretch
        self.least_evidence[:] = usual + self.stretch * np.log(WINDOWS * self.days_per_alarm)
        self.least_size[:] = np.where(self.days >= 2, self._alarming_size(), 0.0)

    def _alarming_size(self) -> Floats:
        """Return the size of an alarm, from the sizes of the last days and nothing else.

        Which days are alarmed depends on it in turn: it is approached in rounds.
        """
        sizes = np.sort(self.sizes.astype(np.float64), axis=0)  # unknown days last
        threshold = self._size_of_one_day_in(sizes)
        for _ in range(_ROUNDS_OF_ALARMS):
            is_alarmed = sizes > threshold
            without = self._size_of_one_day_in(np.where(is_alarmed, 0.0, sizes))
            threshold = self._size_of_one_day_in(_grown_by_steps(sizes, is_alarmed, np.maximum(without, LEAST_SIZE)))
        return threshold

    def _size_of_one_day_in(self, ordered: Floats) -> Floats:
        """Return the size that is reached on one day in `days_per_alarm`; infinite if that is never."""
        known = np.clip(self.days, 1, DAYS).astype(np.float64)
        mean = np.nansum(ordered, axis=0) / known
        for _ in range(_ROUNDS):
            mean = np.nansum(np.minimum(ordered, LARGEST_DAY * mean), axis=0) / known
        days = ALARMS_PER_DAY * self.days_per_alarm
        seen = np.minimum(days, np.maximum(1.01, known / TIMES_SEEN))
        place = np.clip((1 - 1 / seen) * (known + 1) - 1, 0.0, known - 1)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, known.astype(np.int64) - 1)
        below, above = (np.take_along_axis(ordered, rows[None], 0)[0] for rows in (low, high))
        by_rank = np.nan_to_num(below + (place - low) * (above - below))
        rarity = np.log(days / seen)
        size: Floats = by_rank + np.where(mean > 0, mean * np.where(np.isfinite(rarity), rarity, 1e300), 0.0)
        return size


def _grown_by_steps(sizes: Floats, is_alarmed: Flags, reached: Floats) -> Floats:
    """Return sorted sizes, again sorted, with those of alarmed days bounded; `reached` is what the others reach."""
    bounded = sizes.copy()
    for row, is_bounded in zip(bounded, is_alarmed, strict=True):
        np.minimum(row, MOST_GROWTH * reached, out=row, where=is_bounded)
        reached = np.where(is_bounded, row, reached)
    return np.sort(bounded, axis=0)
