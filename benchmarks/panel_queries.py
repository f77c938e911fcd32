"""How long the queries of all dashboards take on a year of panes: each at its dashboard's own range."""

import time
from statistics import median

import msgspec

from benchmarks import year_of_panes
from benchmarks.processes import answer, arguments_of
from pipeline.clickhouse import ClickHouse
from pipeline.macros import Choice, Scope, expand
from pipeline.page_dashboards import Dashboard, Dashboards, default_directory

PASSES = 3
HOUR_SECONDS = 3_600
#: A panel of some hundred pixels.
POINTS = 360
ALL = {name: Choice((), is_all=True) for name in ("tenant", "queue", "channel")}


class Run(msgspec.Struct, frozen=True):
    """The empty, migrated database to fill and to ask."""

    url: str
    database: str


class PanelQuery(msgspec.Struct):
    """A panel and the median duration of its query."""

    where: str
    milliseconds: float


class PanelQueries(msgspec.Struct):
    """All queries, the slowest first, and how many panes there were."""

    pane_count: int
    queries: list[PanelQuery]


def measure(run: Run) -> PanelQueries:
    """Fill the year, then ask each query `PASSES` times, one after the other."""
    door = ClickHouse(run.url, run.database)
    end_seconds = int(time.time()) // HOUR_SECONDS * HOUR_SECONDS
    pane_count = year_of_panes.fill(door, end_seconds)
    found = [
        PanelQuery(
            f"{dashboard.title}: {panel['title']}", _milliseconds(door, target["rawSql"], dashboard, end_seconds)
        )
        for dashboard in Dashboards(default_directory())
        for panel in dashboard.panels.values()
        for target in panel.get("targets", ())
        if "rawSql" in target
    ]
    door.close()
    return PanelQueries(pane_count, sorted(found, key=lambda one: -one.milliseconds))


def _milliseconds(door: ClickHouse, sql: str, dashboard: Dashboard, end_seconds: int) -> float:
    span_seconds = int(dashboard.document["time"]["from"].removeprefix("now-").removesuffix("h")) * HOUR_SECONDS
    interval_seconds = max(60, span_seconds // POINTS)
    choices = ALL | {"window": Choice(["3600"])}
    expanded = expand(sql, Scope(1000 * (end_seconds - span_seconds), 1000 * end_seconds, interval_seconds, choices))
    durations = []
    for _ in range(PASSES):
        started_at = time.perf_counter()
        door.raw(expanded, "JSONCompact")
        durations.append(1000 * (time.perf_counter() - started_at))
    return median(durations)


if __name__ == "__main__":
    answer(measure(arguments_of(Run)))
