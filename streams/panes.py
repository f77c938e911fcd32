"""Panes: additive counters per minute, hour and day of event time and per cell of dimensions.

A pane is half-open and aligned to the epoch: an event at exactly 12:01:00.000 belongs to 12:01. Days are those of
the reporting zone. The fold adds to minutes; `take` rolls them up into hours and days, so the three tiers are
sums of the same contributions. A contribution older than a tier's horizon skips that tier and goes to the
next coarser one: the rule reads the partition's watermark at that event and no wall clock, so it is a function
of the log.

Deltas are one flat dictionary per tier from a packed integer to an integer: the fold's hot path.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from streams.counters import BACKLOG_SIGN, Counter
from streams.days import ReportingDays

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

MINUTE_HORIZON_MS = 14 * DAY_MS
HOUR_HORIZON_MS = 400 * DAY_MS

SPREAD_BITS = 21
COUNTER_BITS = 6
CELL_BITS = 20
FIELD_BITS = SPREAD_BITS + COUNTER_BITS
START_SHIFT = FIELD_BITS + CELL_BITS
FIELD_MASK = (1 << FIELD_BITS) - 1
CELL_MASK = (1 << CELL_BITS) - 1
LOW_MASK = (1 << START_SHIFT) - 1


class Cell(NamedTuple):
    """The dimensions of a pane. '' where unknown."""

    tenant: str
    queue: str
    channel: str
    visibility: str


class Cells:
    """Numbers the cells in the order in which they are first seen. The numbers never leave the process."""

    def __init__(self) -> None:
        self._numbers: dict[Cell, int] = {}
        #: The cells by number; read only.
        self.by_number: list[Cell] = []

    def number(self, cell: Cell) -> int:
        """The number of `cell`, the same one for as long as the process lives."""
        found = self._numbers.get(cell)
        if found is None:
            found = self._numbers[cell] = len(self.by_number)
            if found > CELL_MASK:
                raise OverflowError(
                    f"more than {CELL_MASK} combinations of tenant, queue, channel and visibility: "
                    f"is an id sent as one of them? last: {cell}"
                )
            self.by_number.append(cell)
        return found

    def __getitem__(self, number: int) -> Cell:
        return self.by_number[number]


def pack_field(counter: int, spread: int = 0) -> int:
    """Counter and spread key as one integer; `spread` < 2**21."""
    return counter << SPREAD_BITS | spread


def unpack_field(field: int) -> tuple[int, int]:
    """The counter and the spread key of `pack_field`."""
    return field >> SPREAD_BITS, field & ((1 << SPREAD_BITS) - 1)


#: Pane key (see `pane_key`) to field to value.
PaneValues = dict[int, dict[int, int]]


def pane_key(start_ms: int, cell: int) -> int:
    """Key of the pane of `cell` that starts at `start_ms`, within one tier."""
    return start_ms // MINUTE_MS << CELL_BITS | cell


def unpack_pane_key(key: int) -> tuple[int, int]:
    """Start in ms and cell number of a pane key."""
    return (key >> CELL_BITS) * MINUTE_MS, key & CELL_MASK


class Tiers(NamedTuple):
    """The same thing once for each tier."""

    minute: PaneValues
    hour: PaneValues
    day: PaneValues


class PaneDeltas:
    """What a stretch of the log adds to the panes of one partition, not yet added to their base."""

    def __init__(self, days: ReportingDays) -> None:
        self._days = days
        self._minutes: defaultdict[int, int] = defaultdict(int)
        self._hours: defaultdict[int, int] = defaultdict(int)
        self._day_deltas: defaultdict[int, int] = defaultdict(int)
        self._minute_horizon_ms = 0
        self._hour_horizon_ms = 0

    def advance(self, watermark: int) -> None:
        """From now on, skip the tiers whose horizon lies behind `watermark` (UTC ms, the start of a minute)."""
        self._minute_horizon_ms = watermark - MINUTE_HORIZON_MS
        self._hour_horizon_ms = watermark - HOUR_HORIZON_MS

    def __len__(self) -> int:
        return len(self._minutes) + len(self._hours) + len(self._day_deltas)

    def add(self, at_ms: int, cell: int, counter: int, count: int, spread: int = 0) -> None:
        """Add `count` to `counter` in the panes of `cell` that hold `at_ms`."""
        low = cell << FIELD_BITS | counter << SPREAD_BITS | spread
        if at_ms >= self._minute_horizon_ms:
            self._minutes[at_ms // MINUTE_MS << START_SHIFT | low] += count
            return
        hour_ms = at_ms // HOUR_MS * HOUR_MS
        if hour_ms >= self._hour_horizon_ms:
            self._hours[hour_ms // MINUTE_MS << START_SHIFT | low] += count
        self._day_deltas[self._days.start(at_ms) // MINUTE_MS << START_SHIFT | low] += count

    def add_backlog(self, at_ms: int, cell: int, counter: int, count: int) -> None:
        """Add to a counter that changes the backlog, and to the area under the backlog with it.

        The area runs to the end of the interval, so each tier has its own: that of the minute is added here, the
        rest when minutes are rolled up.
        """
        sign = BACKLOG_SIGN[counter] * count
        minute_ms = at_ms // MINUTE_MS * MINUTE_MS
        self.add(at_ms, cell, counter, count)
        if minute_ms >= self._minute_horizon_ms:
            self.add(at_ms, cell, Counter.OPEN_MS, sign * (minute_ms + MINUTE_MS - at_ms))
            return
        low = cell << FIELD_BITS | Counter.OPEN_MS << SPREAD_BITS
        hour_ms = at_ms // HOUR_MS * HOUR_MS
        if hour_ms >= self._hour_horizon_ms:
            self._hours[hour_ms // MINUTE_MS << START_SHIFT | low] += sign * (hour_ms + HOUR_MS - at_ms)
        day_minute = self._days.start(at_ms) // MINUTE_MS
        self._day_deltas[day_minute << START_SHIFT | low] += sign * (self._days.end(at_ms) - at_ms)

    def take(self) -> "PaneDeltas":
        """The deltas so far, as an object of their own; nothing is left behind."""
        taken = PaneDeltas(self._days)
        taken._minutes, self._minutes = self._minutes, taken._minutes
        taken._hours, self._hours = self._hours, taken._hours
        taken._day_deltas, self._day_deltas = self._day_deltas, taken._day_deltas
        return taken

    def rolled_up(self) -> Tiers:
        """The deltas of all three tiers. Call it once, on what was taken. Fields may be zero, panes empty."""
        _roll_up(self._minutes, self._hours, _hour_start, _hour_end)
        _roll_up(self._minutes, self._day_deltas, self._days.start, self._days.end)
        return Tiers(_grouped(self._minutes), _grouped(self._hours), _grouped(self._day_deltas))


def _hour_start(at_ms: int) -> int:
    return at_ms // HOUR_MS * HOUR_MS


def _hour_end(at_ms: int) -> int:
    return _hour_start(at_ms) + HOUR_MS


def _roll_up(
    minutes: dict[int, int],
    coarse: defaultdict[int, int],
    start: Callable[[int], int],
    end: Callable[[int], int],
) -> None:
    seen: dict[int, tuple[int, int]] = {}
    for key, count in minutes.items():
        minute = key >> START_SHIFT
        found = seen.get(minute)
        if found is None:
            at_ms = minute * MINUTE_MS
            found = seen[minute] = (start(at_ms) // MINUTE_MS << START_SHIFT, end(at_ms) - at_ms - MINUTE_MS)
        coarse_start, longer_ms = found
        low = key & LOW_MASK
        coarse[coarse_start | low] += count
        sign = BACKLOG_SIGN.get((low & FIELD_MASK) >> SPREAD_BITS)
        if sign:
            area = coarse_start | (low & ~FIELD_MASK) | Counter.OPEN_MS << SPREAD_BITS
            coarse[area] += sign * count * longer_ms


def _grouped(deltas: dict[int, int]) -> PaneValues:
    panes: PaneValues = {}
    for key, count in deltas.items():
        pane = panes.get(key >> FIELD_BITS)
        if pane is None:
            pane = panes[key >> FIELD_BITS] = {}
        pane[key & FIELD_MASK] = count
    return panes
