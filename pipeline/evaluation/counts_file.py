"""Counts from a CSV file: a time and a count per row, or the time of one event per row."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import gcd
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

from pipeline.errors import SichtflugError
from streams.days import END_MS

MINUTE_SECONDS, HOUR_SECONDS = 60, 3_600
#: Rows are added up to bins of the first of these lengths that they fit into, or divided evenly into bins of the last
#: one that fits into them.
BIN_SECONDS = (60, 180, 300, 900)
#: Numbers are epoch seconds from 2000 on, so that no day written as 20240304 is taken for a second of 1970.
_LEAST_SECONDS = 946_684_800
#: From here on a number is an instant in milliseconds.
_LEAST_MS = 100_000_000_000
#: A file of counts without any zero leaves them out, if bins without events are to be expected at this mean count.
MOST_OF_SPARSE = 10.0
#: The interval between rows is the greatest one that divides all, if it occurs so often; otherwise the usual one.
LEAST_SHARE_OF_STEPS = 0.02
#: Between events further apart the log was interrupted.
UNKNOWN_AFTER_MINUTES = 7 * 1_440


class CountsFileError(SichtflugError):
    """A file holds no usable counts. The message says in which line, what was expected and what came."""


class CountSeries(NamedTuple):
    """Counts by number of their bin since the epoch, UTC, in order; bins without one are unknown."""

    bin_seconds: int
    counts: dict[int, int]
    #: The interval between the rows of the file, of events a minute.
    row_seconds: int
    #: The bins that are missing in a file of counts and taken for zero.
    zero_count: int = 0


def read_counts(path: Path) -> CountSeries:
    """Return the counts in a file. Raises CountsFileError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_rows(path, csv.reader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CountsFileError(f"{path}: expected a readable CSV file in UTF-8: {error}") from None
    if not rows:
        raise CountsFileError(f"{path}: expected rows of a time and a count, or of a time each, found none")
    if rows[0].event_count is None:
        return _of_events(rows)
    return _of_counts(path, rows)


class _Row(NamedTuple):
    at_seconds: int
    event_count: int | None


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[_Row]:
    width, is_begun = 0, False
    for number, cells in enumerate(lines, 1):
        if not any(cell.strip() for cell in cells):
            continue
        at_seconds = _seconds(cells[0].strip())
        if at_seconds is None and not is_begun and not cells[0].strip()[:1].isdigit():
            is_begun = True
            continue  # the header
        is_begun = True
        where = f"{path}, line {number}"
        if at_seconds is None:
            raise CountsFileError(
                f"{where}: expected a time from 2000 to 2099, such as 2026-11-30 12:00:00 or epoch s, got {cells[0]!r}"
            )
        width = width or min(len(cells), 2)
        if len(cells) < width:
            raise CountsFileError(f"{where}: expected a time and a count, got {','.join(cells)!r}")
        yield _Row(at_seconds, _count(where, cells[1].strip()) if width == 2 else None)


def _seconds(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return _within_range(number / 1000 if number >= _LEAST_MS else number)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return _within_range((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except OverflowError:
        return None


def _within_range(seconds: float) -> int | None:
    return int(seconds) if _LEAST_SECONDS <= seconds < END_MS / 1000 else None


def _count(where: str, text: str) -> int:
    try:
        count = float(text)
    except ValueError:
        count = -1.0
    if count < 0 or not count.is_integer() or count > 2**31:
        raise CountsFileError(f"{where}: expected a count, a whole number from 0 on, got {text!r}")
    return int(count)


def _of_events(rows: list[_Row]) -> CountSeries:
    events = Counter(row.at_seconds // MINUTE_SECONDS for row in rows)
    return CountSeries(MINUTE_SECONDS, _with_zeros(events, UNKNOWN_AFTER_MINUTES), MINUTE_SECONDS)


def _with_zeros(known: Mapping[int, int], most: int) -> dict[int, int]:
    """Return counts by number of their bin in order, with zeros between those at most so many bins apart."""
    numbers = sorted(known)
    counts = {numbers[0]: known[numbers[0]]}
    for earlier, later in pairwise(numbers):
        if later - earlier <= most:
            counts |= dict.fromkeys(range(earlier + 1, later), 0)
        counts[later] = known[later]
    return counts


def _of_counts(path: Path, rows: list[_Row]) -> CountSeries:
    totals: Counter[int] = Counter()
    for row in rows:
        totals[row.at_seconds] += row.event_count or 0
    times = sorted(totals)
    row_seconds = _interval([later - earlier for earlier, later in pairwise(times)])
    if not row_seconds:
        raise CountsFileError(f"{path}: expected rows of several times, found one")
    if row_seconds > HOUR_SECONDS:
        raise CountsFileError(
            f"{path}: expected a row at least every hour, found every {row_seconds} s; what is unusual in a day cannot "
            "be told from days"
        )
    holding = [length for length in BIN_SECONDS if length % row_seconds == 0]
    dividing = [length for length in BIN_SECONDS if row_seconds % length == 0]
    if not holding and not dividing:
        raise CountsFileError(
            f"{path}: expected a row every so many minutes, or an interval that a quarter of an hour can be divided "
            f"into, found every {row_seconds} s"
        )
    bin_seconds = holding[0] if holding else dividing[-1]
    parts = max(1, row_seconds // bin_seconds)
    counts: Counter[int] = Counter()
    for at_seconds in times:
        count, first = totals[at_seconds], at_seconds // bin_seconds
        for part in range(parts):
            counts[first + part] += count // parts + (part < count % parts)
    if not min(totals.values()) or sum(counts.values()) > MOST_OF_SPARSE * len(counts):
        return CountSeries(bin_seconds, dict(sorted(counts.items())), row_seconds)
    filled = _with_zeros(counts, UNKNOWN_AFTER_MINUTES * MINUTE_SECONDS // bin_seconds)
    return CountSeries(bin_seconds, filled, row_seconds, len(filled) - len(counts))


def _interval(steps: Sequence[int]) -> int:
    """Return the seconds between the rows of a file, of which some may be missing; 0 if there is one row alone."""
    if not steps:
        return 0
    divisor = gcd(*steps)
    if divisor % MINUTE_SECONDS == 0 and steps.count(divisor) >= LEAST_SHARE_OF_STEPS * len(steps):
        return divisor
    return median_low(steps)
