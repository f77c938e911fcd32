"""Panes: additive counters per minute, hour and day of event time, and per cell.

A pane is half-open and aligned to the epoch: an event at exactly 12:01:00.000 belongs to 12:01. Days are those of the
reporting zone. The fold adds to minutes; `rolled_up` derives hours and days, so the three tiers are sums of the same
contributions. A contribution older than a tier's horizon skips that tier and is added to the next coarser one. The
horizon depends on the partition's watermark at that event, or on the timestamp of its record if that is earlier, and on
no wall clock, so it is a function of the log.

Panes are dictionaries of small integers because the fold adds to them for every event.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from streams.days import ReportingDays
from streams.panes.cells import CELL_BITS, CELL_MASK
from streams.panes.counters import BACKLOG_SIGN, Counter

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

MINUTE_HORIZON_MS = 14 * DAY_MS
HOUR_HORIZON_MS = 400 * DAY_MS

COUNTER_BITS = 7
COUNTER_MASK = (1 << COUNTER_BITS) - 1


def pack_field(counter: int, spread: int = 0) -> int:
    """Return counter and spread key as one integer, which for a plain counter is the counter itself."""
    return spread << COUNTER_BITS | counter


#: The values of one pane by field (see `pack_field`).
Pane = dict[int, int]
#: Panes by key (see `pane_key`).
PaneValues = dict[int, Pane]


def pane_key(start_ms: int, cell: int) -> int:
    """Return the key of the pane of `cell` that starts at `start_ms`, within one tier."""
    return start_ms // MINUTE_MS << CELL_BITS | cell


def unpack_pane_key(key: int) -> tuple[int, int]:
    """Return start (ms) and cell number of a pane key."""
    return (key >> CELL_BITS) * MINUTE_MS, key & CELL_MASK


class Tiers(NamedTuple):
    """Panes by tier."""

    minute: PaneValues
    hour: PaneValues
    day: PaneValues


class _Panes(dict[int, Pane]):
    """Panes that are created empty on first access, with fields that start at zero."""

    def __missing__(self, key: int) -> Pane:
        pane: Pane = defaultdict(int)
        self[key] = pane
        return pane


class PaneDeltas:
    """The contributions of a part of the log to the panes of one partition, not yet added to their bases.

    Everything is kept by minute: the contributions to all tiers, those that skip the minutes, and those that skip
    minutes and hours. `rolled_up` derives the tiers.
    """

    def __init__(self, days: ReportingDays) -> None:
        self._days = days
        self._to_all, self._to_hours_and_days, self._to_days = _Panes(), _Panes(), _Panes()
        self._minute_horizon_ms = 0
        self._hour_horizon_ms = 0

    def advance(self, watermark: int) -> None:
        """Skip the tiers whose horizon lies behind `watermark` (UTC ms, the start of a minute) from now on."""
        self._minute_horizon_ms = watermark - MINUTE_HORIZON_MS
        self._hour_horizon_ms = watermark - HOUR_HORIZON_MS

    def pane(self, at_ms: int, cell: int) -> Pane:
        """Return the deltas of the panes of `cell` that contain `at_ms`, to add to at once and not to keep."""
        key = at_ms // MINUTE_MS << CELL_BITS | cell
        if at_ms >= self._minute_horizon_ms:
            return self._to_all[key]
        if at_ms // HOUR_MS * HOUR_MS >= self._hour_horizon_ms:
            return self._to_hours_and_days[key]
        return self._to_days[key]

    def add(self, at_ms: int, cell: int, counter: int, count: int, spread: int = 0) -> None:
        """Add `count` to one counter in the panes of `cell` that contain `at_ms`."""
        self.pane(at_ms, cell)[spread << COUNTER_BITS | counter] += count

    def add_backlog(self, at_ms: int, cell: int, counter: int, count: int) -> Pane:
        """Add to a counter that changes the backlog, and to the area under the backlog; return the pane.

        The area extends to the end of the interval, so each tier has its own: the minute's is added here, the rest when
        minutes are rolled up.
        """
        pane = self.pane(at_ms, cell)
        pane[counter] += count
        pane[Counter.OPEN_MS] += BACKLOG_SIGN[counter] * count * (MINUTE_MS - at_ms % MINUTE_MS)
        return pane

    def take(self) -> "PaneDeltas":
        """Return the deltas so far as an object of their own, leaving none."""
        taken = PaneDeltas(self._days)
        taken._to_all, self._to_all = self._to_all, taken._to_all
        taken._to_days, self._to_days = self._to_days, taken._to_days
        taken._to_hours_and_days, self._to_hours_and_days = self._to_hours_and_days, taken._to_hours_and_days
        return taken

    def rolled_up(self) -> Tiers:
        """Return the deltas, which must have been taken, of all three tiers. Fields may be zero, panes empty."""
        hours, days = _Panes(), _Panes()
        for panes in (self._to_all, self._to_hours_and_days):
            _roll_up(panes, hours, _hour_start, _hour_end)
        for panes in (self._to_all, self._to_hours_and_days, self._to_days):
            _roll_up(panes, days, self._days.start, self._days.end)
        return Tiers(self._to_all, hours, days)


def _hour_start(at_ms: int) -> int:
    return at_ms // HOUR_MS * HOUR_MS


def _hour_end(at_ms: int) -> int:
    return _hour_start(at_ms) + HOUR_MS


def _roll_up(minutes: _Panes, coarse: _Panes, start: Callable[[int], int], end: Callable[[int], int]) -> None:
    seen: dict[int, tuple[int, int]] = {}
    for key, pane in minutes.items():
        minute = key >> CELL_BITS
        interval = seen.get(minute)
        if interval is None:
            at_ms = minute * MINUTE_MS
            interval = seen[minute] = (start(at_ms) // MINUTE_MS << CELL_BITS, end(at_ms) - at_ms - MINUTE_MS)
        coarse_start, rest_ms = interval
        total = coarse[coarse_start | key & CELL_MASK]
        for field, count in pane.items():
            total[field] += count
        if Counter.OPEN_MS in pane:
            gained = sum(sign * pane.get(counter, 0) for counter, sign in BACKLOG_SIGN.items())
            total[Counter.OPEN_MS] += gained * rest_ms
