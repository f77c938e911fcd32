"""The macro expander: equal to Grafana's ClickHouse data source (4.14.1) on the same texts, and refusals."""

import pytest

from pipeline.web.macros import Choice, MacroError, Scope, expand

#: From 2026-01-02T03:04:05.678Z to 09:04:05.678Z, interval 30 s.
SCOPE = Scope(
    1_767_323_045_678,
    1_767_344_645_678,
    30,
    {
        "tenant": Choice(["north", "south"]),
        "queue": Choice(["billing", "tech"], is_all=True),
        "window": Choice(["3600"]),
        "hostile": Choice(["a' OR 1=1 --", "b\\", "$__fromTime ${window}"]),
    },
)
FROM, TO = "toDateTime(1767323045)", "toDateTime(1767344645)"
FROM_MS, TO_MS = "fromUnixTimestamp64Milli(1767323045678)", "fromUnixTimestamp64Milli(1767344645678)"
DAYS = "d >= toDate('2026-01-02') AND d <= toDate('2026-01-02')"

GOLDEN = {
    "$__timeFilter(ts)": f"ts >= {FROM} AND ts <= {TO}",
    "$__timeFilter_ms(ts)": f"ts >= {FROM_MS} AND ts <= {TO_MS}",
    "$__dateFilter(d)": DAYS,
    "$__dateTimeFilter(d, ts)": f"({DAYS}) AND (ts >= {FROM} AND ts <= {TO})",
    "$__fromTime": FROM,
    "$__toTime": TO,
    "$__fromTime_ms": FROM_MS,
    "$__toTime_ms": TO_MS,
    "$__timeInterval(ts)": "toStartOfInterval(toDateTime(ts), INTERVAL 30 second)",
    "$__interval_s": "30",
    "f(from = $__fromTime, to = $__toTime)": f"f(from = {FROM}, to = {TO})",
    # Nested parentheses and commas stay one argument.
    "$__timeFilter(if(a > 1, toDateTime(b), c))": (
        f"if(a > 1, toDateTime(b), c) >= {FROM} AND if(a > 1, toDateTime(b), c) <= {TO}"
    ),
    "$__dateTimeFilter(toDate(f(a, b)), ts)": (
        f"({DAYS.replace('d >=', 'toDate(f(a, b)) >=').replace('AND d <=', 'AND toDate(f(a, b)) <=')}) "
        f"AND (ts >= {FROM} AND ts <= {TO})"
    ),
    "$__timeFilter(parse(ts, ',)'))": f"parse(ts, ',)') >= {FROM} AND parse(ts, ',)') <= {TO}",
    r"$__timeFilter(parse(ts, '\\'))": rf"parse(ts, '\\') >= {FROM} AND parse(ts, '\\') <= {TO}",
    # Variables; Grafana replaces these in the browser.
    "tenant IN (${tenant:singlequote})": "tenant IN ('north','south')",
    "INTERVAL ${window} SECOND": "INTERVAL 3600 SECOND",
    "$__conditionalAll(tenant IN (${tenant:singlequote}), $tenant) AND 1": "tenant IN ('north','south') AND 1",
    "$__conditionalAll(queue IN ('', ${queue:singlequote}), $queue)": "1=1",
    "${queue:singlequote}": "'billing','tech'",
    "SELECT 1": "SELECT 1",
}


@pytest.mark.parametrize("sql", GOLDEN)
def test_expansions_equal_the_golden_vectors(sql: str) -> None:
    assert expand(sql, SCOPE) == GOLDEN[sql]


def test_a_value_cannot_leave_its_quotes_and_is_never_expanded() -> None:
    assert expand("${hostile:singlequote}", SCOPE) == r"'a\' OR 1=1 --','b\\','$__fromTime ${window}'"


def test_an_interval_is_at_least_a_second() -> None:
    assert expand("$__interval_s, $__timeInterval(t)", SCOPE._replace(interval_seconds=0)) == (
        "1, toStartOfInterval(toDateTime(t), INTERVAL 1 second)"
    )


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT $1", r"found '\$1'"),
        ("SELECT '$'", 'found "\\$\'"'),
        ("SELECT $tenant", r"found '\$tenant'"),
        ("$__timeGroup(ts)", r"\$__timeGroup is not a macro"),
        ("$__timeFrom()", r"\$__timeFrom is not a macro"),
        ("$__timeFilter", "in parentheses"),
        ("$__timeFilter(ts", "closing parenthesis"),
        ("$__timeFilter()", "expected 1 argument"),
        ("$__timeFilter(a, b)", r"expected 1 argument\(s\), found 2"),
        ("$__conditionalAll(a = 1, tenant)", "second argument, found 'tenant'"),
        ("${nobody}", "expected one of tenant, queue, window, hostile"),
        ("${tenant}", "expected one value"),
        ("${hostile}", "expected one value"),
        ("${tenant:csv}", "expected the form singlequote"),
        ("${tenant", r"found '\$\{tenant'"),
    ],
)
def test_a_text_that_cannot_be_expanded_is_an_error_with_a_reason(sql: str, message: str) -> None:
    with pytest.raises(MacroError, match=message):
        expand(sql, SCOPE)
