"""Counts and expectations over the windows that end now: 1, 5, 15 and 60 minutes, and 6 hours."""

import numpy as np

from streams.spikes.calendar import QUARTERS
from streams.spikes.columns import Floats

HOUR_MINUTES = 60
#: Bursts are judged over the first ones, against the level just before; rises that take hours over the last one.
WINDOW_MINUTES = (1, 5, 15, 60, 360)


def window_bins(bins_per_hour: int) -> tuple[int, ...]:
    """Return the lengths of the windows in bins, without those shorter than a bin."""
    return tuple(sorted({max(1, minutes * bins_per_hour // HOUR_MINUTES) for minutes in WINDOW_MINUTES}))


class Windows:
    """The last six hours of many series: a running total of the counts, and the line of expectation by quarter.

    Bins are numbered since the epoch; `turn` begins a quarter of an hour, `add` takes each bin.
    """

    def __init__(self, size: int, bins_per_hour: int) -> None:
        self.lengths = window_bins(bins_per_hour)
        self._quarter_bins = bins_per_hour // QUARTERS
        self._bins = self.lengths[-1] + 1
        self._quarters = self.lengths[-1] // self._quarter_bins + 2
        self.totals = np.zeros((self._bins, size), np.int64)
        self.total = np.zeros(size, np.int64)
        #: By quarter: what was expected before it, in its first bin, and the increase per bin.
        self.before = np.zeros((self._quarters, size))
        self.first = np.zeros((self._quarters, size))
        self.slope = np.zeros((self._quarters, size))

    def turn(self, quarter: int, first: Floats, slope: Floats) -> None:
        """Begin quarter number `quarter`, the one after the last, with its line of expectation."""
        self.before[quarter % self._quarters] = self._expected_before(quarter * self._quarter_bins, quarter - 1)
        self.first[quarter % self._quarters] = first
        self.slope[quarter % self._quarters] = slope

    def add(self, at: int, counts: Floats) -> None:
        """Take the counts of bin `at`, the one after the last."""
        self.total += counts.astype(np.int64)
        self.totals[at % self._bins] = self.total

    def line(self, at: int) -> tuple[Floats, Floats]:
        """Return the expectation in the first bin of the quarter that contains bin `at`, and its increase per bin."""
        row = at // self._quarter_bins % self._quarters
        return self.first[row], self.slope[row]

    def clear(self) -> None:
        """Forget all counts and expectations."""
        self.totals[:] = self.total
        self.before[:] = self.first[:] = self.slope[:] = 0.0

    def counts(self, at: int, length: int) -> Floats:
        """Return the counts of the `length` bins that end with bin `at`."""
        difference = self.totals[at % self._bins] - self.totals[(at - length) % self._bins]
        counts: Floats = difference.astype(np.float64)
        return counts

    def sums(self, at: int) -> tuple[Floats, Floats]:
        """Return counts and expectations of all windows that end with bin `at`, one row each."""
        begins = at + 1 - np.array(self.lengths)
        counts = self.totals[at % self._bins] - self.totals[(begins - 1) % self._bins]
        quarters = begins // self._quarter_bins
        bins = (begins - quarters * self._quarter_bins)[:, None]
        rows = quarters % self._quarters
        before = self.before[rows] + bins * (self.first[rows] + 0.5 * (bins - 1) * self.slope[rows])
        return counts.astype(np.float64), self._expected_before(at + 1, at // self._quarter_bins) - before

    def bins(self, at: int, length: int) -> Floats:
        """Return the count of each of the `length` bins that end with bin `at`, one row per bin."""
        rows = [number % self._bins for number in range(at - length, at + 1)]
        return (self.totals[rows[1:]] - self.totals[rows[:-1]]).astype(np.float64)

    def expected(self, at: int, length: int) -> Floats:
        """Return the expectation of the `length` bins that end with bin `at`."""
        begin, end = at + 1 - length, at + 1
        # The quarter after this one has no line yet.
        quarter = at // self._quarter_bins
        before_end = self._expected_before(end, quarter)
        return before_end - self._expected_before(begin, min(begin // self._quarter_bins, quarter))

    def _expected_before(self, at: int, quarter: int) -> Floats:
        """Return what was expected before bin `at`, which lies in quarter number `quarter` or is the bin after it."""
        row, bins = quarter % self._quarters, at - quarter * self._quarter_bins
        expected: Floats = self.before[row] + bins * (self.first[row] + 0.5 * (bins - 1) * self.slope[row])
        return expected
