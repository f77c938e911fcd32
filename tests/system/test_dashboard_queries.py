"""Every query of the dashboards runs on the real engine, over tables filled by real workers."""

import time
from typing import Any

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import ClickHouseRejectedError
from pipeline.web.macros import Choice, Scope, expand
from tests.support.system import System, wait_for
from tests.support.traffic import live_records
from tests.support.web.dashboards import MAY_BE_EMPTY, TIME_SERIES, DashboardQuery, alerts, clickhouse_queries

# The source of the events does not matter here.
pytestmark = pytest.mark.embedded_broker

HOUR_MS = 3_600_000
#: Alert rules are evaluated without a browser: no variables.
NOTHING = Scope(0, 0)
LABEL_TYPES = ("String", "LowCardinality(String)")
VALUE_TYPES = ("Int64", "UInt64", "Float64", "Nullable(Float64)", "Nullable(Int64)")


def scope(*, chosen: bool = False, now_ms: int, span_ms: int = 6 * HOUR_MS) -> Scope:
    """Return all values of all variables, or one of each."""
    names = {"tenant": "north", "queue": "billing", "channel": "web_chat"}
    values = {name: f"x{value.encode().hex().upper()}" for name, value in names.items()}
    choices = {name: Choice([value] if chosen else [value, "x"], is_all=not chosen) for name, value in values.items()}
    return Scope(now_ms - span_ms, now_ms, 60, {**choices, "window": Choice(["3600"])})


def problems(client: ClickHouse, query: DashboardQuery, scope: Scope, *, wants_rows: bool) -> list[str]:
    """Return what is wrong with the answer to a query."""
    sql = expand(query.sql, scope)
    try:
        columns = [(row[0], row[1]) for row in client.rows(f"DESCRIBE ({sql})")]
        rows = client.rows(sql)
    except ClickHouseRejectedError as refusal:
        return [f"{query.where}: {refusal}"]
    found = []
    if wants_rows and not rows and query.where.split(" / ")[1] not in MAY_BE_EMPTY:
        found.append(f"{query.where}: no rows")
    aliases = [name for name, _ in columns if not name.isidentifier()]
    if aliases:
        found.append(f"{query.where}: expected a plain alias for every column, got {aliases}")
    if query.form == TIME_SERIES:
        found += series_problems(query.where, columns, rows)
    return found


def series_problems(where: str, columns: list[tuple[str, str]], rows: list[tuple[Any, ...]]) -> list[str]:
    """Return violations of Grafana's format: time first and in order, non-empty labels as text, values as numbers."""
    found = []
    times = [row[0] for row in rows]
    if columns[0][0] != "time" or not columns[0][1].startswith("DateTime"):
        found.append(f"{where}: expected a column time first, got {columns[0]}")
    found += [f"{where}: {name} is {kind}" for name, kind in columns[1:] if kind not in LABEL_TYPES + VALUE_TYPES]
    if any("" in row for row in rows):
        found.append(f"{where}: expected a name for every series, got an empty one")
    if times != sorted(times):
        found.append(f"{where}: expected rows in the order of time")
    return found


def test_every_query_of_the_dashboards_runs_and_returns_rows(system: System) -> None:
    system.publish(live_records(77, 40_000, rate=20.0))
    system.start_worker()
    system.wait_until_folded()
    wait_for(lambda: bool(system.client.rows("SELECT 1 FROM rolling LIMIT 1")), 60)
    now_ms = time.time_ns() // 1_000_000
    queries = list(clickhouse_queries())
    assert len(queries) > 60
    found = [text for query in alerts() for text in problems(system.client, query, NOTHING, wants_rows=True)]
    for query in queries:
        found += problems(system.client, query, scope(now_ms=now_ms), wants_rows=True)
        found += problems(system.client, query, scope(now_ms=now_ms, chosen=True), wants_rows=False)
        found += problems(system.client, query, scope(now_ms=now_ms, span_ms=30 * 24 * HOUR_MS), wants_rows=False)
    assert not found, "\n".join(found)


def test_every_query_of_the_dashboards_runs_on_an_empty_database(system: System) -> None:
    found = []
    for query in (*clickhouse_queries(), *alerts()):
        found += problems(system.client, query, scope(now_ms=time.time_ns() // 1_000_000), wants_rows=False)
    assert not found, "\n".join(found)
