"""Counts from a CSV file: a time and a count per row, or the time of one event per row."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

from pipeline.errors import SichtflugError

MINUTE_SECONDS, HOUR_SECONDS, QUARTER_SECONDS = 60, 3_600, 900
#: Bins of these lengths are taken as they are; longer ones up to an hour are divided into quarters of an hour.
BIN_SECONDS = (60, 180, 300, 900)
#: From here on a number is an instant in milliseconds.
_LEAST_MS = 100_000_000_000


class CountsFileError(SichtflugError):
    """A file holds no usable counts. The message says in which line, what was expected and what came."""


class CountSeries(NamedTuple):
    """Counts by number of their bin since the epoch, UTC, in order; bins without one are unknown."""

    bin_seconds: int
    counts: dict[int, int]
    #: The interval between the rows of the file, of events a minute.
    row_seconds: int


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
    width = 0
    for number, cells in enumerate(lines, 1):
        if not any(cell.strip() for cell in cells):
            continue
        at_seconds = _seconds(cells[0].strip())
        if at_seconds is None and number == 1:
            continue  # the header
        where = f"{path}, line {number}"
        if at_seconds is None:
            raise CountsFileError(f"{where}: expected a time such as 2026-11-30 12:00:00 or epoch s, got {cells[0]!r}")
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
        return int(number / 1000 if number >= _LEAST_MS else number) if 0 <= number < float("inf") else None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


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
    counts = {minute: events[minute] for minute in range(min(events), max(events) + 1)}
    return CountSeries(MINUTE_SECONDS, counts, MINUTE_SECONDS)


def _of_counts(path: Path, rows: list[_Row]) -> CountSeries:
    totals: Counter[int] = Counter()
    for row in rows:
        totals[row.at_seconds] += row.event_count or 0
    times = sorted(totals)
    steps = [later - earlier for earlier, later in pairwise(times)]
    row_seconds = median_low(steps) if steps else 0
    if not 0 < row_seconds <= HOUR_SECONDS:
        raise CountsFileError(
            f"{path}: expected a row at least every hour, found every {row_seconds} s; what is unusual in a day cannot "
            "be told from days"
        )
    bin_seconds = next((length for length in BIN_SECONDS if row_seconds <= length), QUARTER_SECONDS)
    parts = max(1, round(row_seconds / bin_seconds))
    counts: Counter[int] = Counter()
    for at_seconds in times:
        count, first = totals[at_seconds], at_seconds // bin_seconds
        for part in range(parts):
            counts[first + part] += count // parts + (part < count % parts)
    return CountSeries(bin_seconds, dict(sorted(counts.items())), row_seconds)
