"""Duration of every dashboard query on a year of panes, each over its dashboard's own time range."""

import time
from statistics import median

import msgspec

from benchmarks.support import year_of_panes
from benchmarks.support.dashboards import FORMAT, HOUR_SECONDS, as_sent, queries_of, shipped
from benchmarks.support.processes import answer, arguments_of
from pipeline.clickhouse.client import ClickHouse

PASSES = 3


class Run(msgspec.Struct, frozen=True):
    """The empty, migrated database to fill and query."""

    url: str
    database: str


class PanelQuery(msgspec.Struct):
    """The dashboard and panel of a query, and its median duration."""

    where: str
    milliseconds: float


class PanelQueries(msgspec.Struct):
    """All queries, slowest first, and the number of panes."""

    pane_count: int
    queries: list[PanelQuery]


def measure(run: Run) -> PanelQueries:
    """Fill the year, then run each query `PASSES` times, one after the other."""
    client = ClickHouse(run.url, run.database)
    end_seconds = int(time.time()) // HOUR_SECONDS * HOUR_SECONDS
    pane_count = year_of_panes.fill(client, end_seconds)
    found = [
        PanelQuery(query.where, _milliseconds(client, as_sent(query, dashboard, end_seconds)))
        for dashboard in shipped()
        for query in queries_of(dashboard)
    ]
    client.close()
    return PanelQueries(pane_count, sorted(found, key=lambda query: -query.milliseconds))


def _milliseconds(client: ClickHouse, sql: str) -> float:
    durations = []
    for _ in range(PASSES):
        started_at = time.perf_counter()
        client.raw(sql, FORMAT)
        durations.append(1000 * (time.perf_counter() - started_at))
    return median(durations)


if __name__ == "__main__":
    answer(measure(arguments_of(Run)))
