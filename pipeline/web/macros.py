"""Expansion of dashboard macros: SQL as Grafana's ClickHouse data source would send it.

One expander for the page, the tests and the checks of alerts. It knows only the macros that queries here may use:

    $__timeFilter(column)       column >= toDateTime(…) AND column <= toDateTime(…); with _ms by the millisecond
    $__dateFilter(column)       the same by the day, in UTC
    $__dateTimeFilter(d, ts)    both
    $__fromTime, $__toTime      the ends of the time range; with _ms by the millisecond
    $__timeInterval(column)     start of the interval that contains it; $__interval_s is its length in seconds
    $__conditionalAll(c, $v)    the condition c, or 1=1 if all values of the variable v are chosen
    ${v:singlequote}, ${v}      the chosen values of a variable: quoted and separated by commas, or one unquoted

The text is read once, from left to right, so the content of a value is never taken for a macro.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.clickhouse.sql import quoted

_DOLLAR = re.compile(r"\$(?:\{(?P<variable>\w+)(?::(?P<form>\w+))?\}|__(?P<macro>\w+))?")
_MARK = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[(),]""", re.DOTALL)
_PLAIN_VALUE = re.compile(r"[\w.]+\Z", re.ASCII)
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|(\w+))\Z")


class MacroError(ValueError):
    """A query cannot be expanded. The message names the macro or variable and what is expected."""


class Choice(NamedTuple):
    """The chosen values of a variable. With `is_all`, `values` are all existing ones."""

    values: Sequence[str]
    is_all: bool = False


class Scope(NamedTuple):
    """The parameters of an expansion: a time range in UTC epoch ms, both ends included, and the chosen variables."""

    from_ms: int
    to_ms: int
    interval_seconds: int = 60
    choices: Mapping[str, Choice] = {}


def expand(sql: str, scope: Scope) -> str:
    """Return the query with all macros and variables replaced. Raises MacroError, also for any other `$`."""
    expanded, position = [], 0
    while (match := _DOLLAR.search(sql, position)) is not None:
        expanded.append(sql[position : match.start()])
        position = match.end()
        if match["variable"]:
            expanded.append(_values(match["variable"], match["form"], scope))
        elif match["macro"]:
            text, position = _macro(sql, match["macro"], position, scope)
            expanded.append(text)
        else:
            raise MacroError(f"expected a macro or ${{variable}}, found {sql[match.start() : match.start() + 24]!r}")
    return "".join([*expanded, sql[position:]])


def _macro(sql: str, name: str, position: int, scope: Scope) -> tuple[str, int]:
    """Return the text for a macro whose arguments, if any, begin at `position`, and the position after it."""
    simple = _without_arguments(name, scope)
    if simple is not None:
        return simple, position
    arity = 2 if name in ("dateTimeFilter", "conditionalAll") else 1
    if name not in ("timeFilter", "timeFilter_ms", "dateFilter", "dateTimeFilter", "timeInterval", "conditionalAll"):
        raise MacroError(f"$__{name} is not a macro that is known here; see pipeline/web/macros.py for those that are")
    arguments, end = _arguments(sql, name, position)
    if len(arguments) != arity or not all(arguments):
        raise MacroError(f"$__{name}: expected {arity} argument(s), found {len(arguments)}: {arguments}")
    if name == "conditionalAll":
        return _conditional(arguments[0], arguments[1], scope), end
    columns = [expand(argument, scope) for argument in arguments]
    return _on_columns(name, columns, scope), end


def _without_arguments(name: str, scope: Scope) -> str | None:
    match name:
        case "fromTime":
            return _seconds(scope.from_ms)
        case "toTime":
            return _seconds(scope.to_ms)
        case "fromTime_ms":
            return _milliseconds(scope.from_ms)
        case "toTime_ms":
            return _milliseconds(scope.to_ms)
        case "interval_s":
            return str(max(1, scope.interval_seconds))
    return None


def _on_columns(name: str, columns: Sequence[str], scope: Scope) -> str:
    column = columns[0]
    match name:
        case "timeFilter":
            return f"{column} >= {_seconds(scope.from_ms)} AND {column} <= {_seconds(scope.to_ms)}"
        case "timeFilter_ms":
            return f"{column} >= {_milliseconds(scope.from_ms)} AND {column} <= {_milliseconds(scope.to_ms)}"
        case "dateFilter":
            return f"{column} >= {_day(scope.from_ms)} AND {column} <= {_day(scope.to_ms)}"
        case "timeInterval":
            return f"toStartOfInterval(toDateTime({column}), INTERVAL {max(1, scope.interval_seconds)} second)"
    both = (_on_columns("dateFilter", columns[:1], scope), _on_columns("timeFilter", columns[1:], scope))
    return f"({both[0]}) AND ({both[1]})"


def _conditional(condition: str, reference: str, scope: Scope) -> str:
    match = _REFERENCE.match(reference)
    if match is None:
        raise MacroError(f"$__conditionalAll: expected $variable as its second argument, found {reference!r}")
    return "1=1" if _choice(match[1] or match[2], scope).is_all else expand(condition, scope)


def _values(name: str, form: str | None, scope: Scope) -> str:
    values = _choice(name, scope).values
    if form == "singlequote":
        return ",".join(map(quoted, values))
    if form is not None:
        raise MacroError(f"${{{name}:{form}}}: expected the form singlequote")
    if len(values) != 1 or not _PLAIN_VALUE.match(values[0]):
        raise MacroError(f"${{{name}}}: expected one value of letters, digits, _ and ., found {list(values)}")
    return values[0]


def _choice(name: str, scope: Scope) -> Choice:
    if name not in scope.choices:
        raise MacroError(f"${name} is not a variable; expected one of {', '.join(scope.choices) or 'none'}")
    return scope.choices[name]


def _arguments(sql: str, name: str, position: int) -> tuple[list[str], int]:
    """Return the arguments in the parentheses that open at `position`, and the position after them."""
    if not sql.startswith("(", position):
        raise MacroError(f"$__{name}: expected an argument in parentheses, found none")
    arguments, depth, start = [], 0, position + 1
    for mark in _MARK.finditer(sql, position):
        depth += (mark[0] == "(") - (mark[0] == ")")
        if depth == 0 or (depth == 1 and mark[0] == ","):
            arguments.append(sql[start : mark.start()].strip())
            start = mark.end()
            if depth == 0:
                return arguments, start
    raise MacroError(f"$__{name}: expected a closing parenthesis, found none")


def _seconds(instant_ms: int) -> str:
    return f"toDateTime({instant_ms // 1000})"


def _milliseconds(instant_ms: int) -> str:
    return f"fromUnixTimestamp64Milli({instant_ms})"


def _day(instant_ms: int) -> str:
    return f"toDate('{datetime.datetime.fromtimestamp(instant_ms / 1000, datetime.UTC):%Y-%m-%d}')"
