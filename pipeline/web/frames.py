"""Answers of ClickHouse as columns for drawing: each with its kind, instants as UTC epoch ms.

A time series in long form, one row per instant and labels, becomes one series per set of labels.
"""

import datetime
import re
from typing import Any, Literal

import msgspec

#: A day is ISO text, because it has no time zone. As the time of a series, it stands for its start in UTC.
Kind = Literal["time", "day", "number", "text"]
_WRAPPED = re.compile(r"(?:Nullable|LowCardinality|SimpleAggregateFunction)\((?:\w+, )?(.*)\)\Z")


class Column(msgspec.Struct, frozen=True):
    """One column of an answer."""

    name: str
    kind: Kind
    values: list[Any]


class Series(msgspec.Struct, frozen=True):
    """One line of a chart: a value or None for each instant of its frame."""

    name: str
    values: list[float | None]


class Frame(msgspec.Struct, frozen=True):
    """The answer to one query: `columns` of a table, or `times` and `series` of a time series."""

    columns: list[Column] | None = None
    times: list[int] | None = None
    series: list[Series] | None = None


class FrameError(ValueError):
    """An answer is not a time series. The message says why."""


def read_columns(body: bytes) -> list[Column]:
    """Return the columns of an answer in JSONCompact."""
    answer = msgspec.json.decode(body)
    rows = answer["data"]
    columns = []
    for at, meta in enumerate(answer["meta"]):
        kind, convert = _kind(meta["type"])
        values = [None if row[at] is None else convert(row[at]) for row in rows]
        columns.append(Column(meta["name"], kind, values))
    return columns


def as_series(columns: list[Column]) -> Frame:
    """Convert long form to one series per set of labels. Raises FrameError if the first column is not a time."""
    if not columns or columns[0].kind not in ("time", "day"):
        found = f"{columns[0].name} ({columns[0].kind})" if columns else "no column"
        raise FrameError(f"expected a time as the first column of a time series, found {found}")
    labels = [column for column in columns[1:] if column.kind == "text"]
    numbers = [column for column in columns[1:] if column.kind == "number"]
    instants = columns[0].values
    if columns[0].kind == "day":
        instants = [None if day is None else _milliseconds(day) for day in instants]
    times = sorted({instant for instant in instants if instant is not None})
    place = {instant: at for at, instant in enumerate(times)}
    by_name: dict[str, list[float | None]] = {}
    for row, instant in enumerate(instants):
        if instant is None:
            continue
        label = " ".join(str(column.values[row]) for column in labels)
        for number in numbers:
            name = series_name(number.name, label, labelled=bool(labels), alone=len(numbers) == 1)
            by_name.setdefault(name, [None] * len(times))[place[instant]] = number.values[row]
    return Frame(times=times, series=[Series(name, values) for name, values in by_name.items()])


def series_name(column: str, label: str, *, labelled: bool, alone: bool) -> str:
    """Return a series name like Grafana: its labels, preceded by its column if there are several."""
    if not labelled:
        return column
    return (label.strip() or "(unknown)") if alone else f"{column} {label}".strip()


def _kind(type_name: str) -> tuple[Kind, Any]:
    while (wrapped := _WRAPPED.match(type_name)) is not None:
        type_name = wrapped[1]
    if type_name.startswith("DateTime"):
        return "time", _milliseconds
    if type_name.startswith("Date"):
        return "day", _text
    if type_name.startswith(("Int", "UInt", "Float", "Decimal")):
        return "number", _number
    return "text", _text


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _milliseconds(value: Any) -> int:
    """Return epoch ms from seconds since the epoch, or from a date or date and time in UTC."""
    try:
        return round(float(value) * 1000)
    except ValueError:
        instant = datetime.datetime.fromisoformat(value)
        return round(instant.replace(tzinfo=datetime.UTC).timestamp() * 1000)
