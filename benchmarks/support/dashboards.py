"""The shipped dashboards as their viewers use them: their queries, and a wall of screens that refresh repeatedly."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from benchmarks.support.repeated_query import RepeatedQuery
from pipeline.clickhouse.client import ClickHouse
from pipeline.web.dashboards import Dashboard, Dashboards, default_directory
from pipeline.web.macros import Choice, Scope, expand

HOUR_SECONDS = 3_600
#: For a panel a few hundred pixels wide.
POINTS = 360
SHORTEST_INTERVAL_SECONDS = 60
#: The shortest interval that Grafana offers by default (`min_refresh_interval`).
SHORTEST_REFRESH_SECONDS = 5.0
#: The settings that the dashboards' data source sends.
FORMAT = "JSONCompact"
CHOICES = {
    **{name: Choice((), is_all=True) for name in ("tenant", "queue", "channel")},
    "window": Choice([str(HOUR_SECONDS)]),
}


class Query(NamedTuple):
    """One query of a dashboard, macros included, and its dashboard and panel."""

    where: str
    sql: str


def shipped() -> list[Dashboard]:
    """Return the dashboards as provisioned."""
    return list(Dashboards(default_directory()))


def shipped_refresh_seconds() -> float:
    """Return their default refresh interval."""
    (refresh,) = {dashboard.document["refresh"] for dashboard in shipped()}
    return float(refresh.removesuffix("s"))


def queries_of(dashboard: Dashboard) -> Iterator[Query]:
    """Return every ClickHouse query of one refresh: panels, variables and annotations."""
    for panel in dashboard.panels.values():
        for target in panel.get("targets", ()):
            if "rawSql" in target:
                yield Query(f"{dashboard.title}: {panel['title']}", target["rawSql"])
    for variable in dashboard.document["templating"]["list"]:
        if variable["type"] == "query":
            yield Query(f"{dashboard.title}: ${variable['name']}", variable["query"])
    for name, sql in dashboard.annotations():
        yield Query(f"{dashboard.title}: {name}", sql)


def as_sent(query: Query, dashboard: Dashboard, end_seconds: int) -> str:
    """Expand the query for its dashboard's default range up to an instant (Unix seconds), with everything selected."""
    span_seconds = int(dashboard.document["time"]["from"].removeprefix("now-").removesuffix("h")) * HOUR_SECONDS
    interval_seconds = max(SHORTEST_INTERVAL_SECONDS, span_seconds // POINTS)
    return expand(query.sql, Scope(1000 * (end_seconds - span_seconds), 1000 * end_seconds, interval_seconds, CHOICES))


@contextmanager
def open_wall(url: str, database: str, refresh_seconds: float) -> Iterator[list[RepeatedQuery]]:
    """Show each shipped dashboard on its own screen until the block ends, staggered within `refresh_seconds`.

    One call of a client is a whole refresh, one query after the other, by the engine's clock.
    """
    dashboards = shipped()
    clients = [
        RepeatedQuery(url, database, refresh_seconds, _Screen(dashboard), refresh_seconds * number / len(dashboards))
        for number, dashboard in enumerate(dashboards)
    ]
    with ExitStack() as stack:
        for client in clients:
            stack.enter_context(client)
        yield clients


class _Screen:
    """A screen that requests one dashboard and reads the complete answers."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._queries = list(queries_of(dashboard))

    def __call__(self, client: ClickHouse) -> None:
        end_seconds = int(time.time())
        for query in self._queries:
            client.raw(as_sent(query, self._dashboard, end_seconds), FORMAT)
