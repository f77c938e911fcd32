"""A wall of dashboards: the views for people, asked over HTTP again and again by as many clients as there are views."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.repeated_query import RepeatedQuery
from pipeline.clickhouse import ClickHouse

EVERY_SECONDS = 1.0
#: What a dashboard's data source asks for.
FORMAT = "JSONCompact"

#: What the wall shows. Times are the engine's, which the traffic keeps pace with.
QUERIES = (
    "SELECT * FROM channel_mix_by_minute WHERE minute >= now() - INTERVAL 1 HOUR",
    "SELECT * FROM backlog_by_hour WHERE hour >= now() - INTERVAL 1 DAY",
    "SELECT * FROM escalations_by_minute WHERE minute >= now() - INTERVAL 1 HOUR",
    "SELECT * FROM backlog_age",
    "SELECT * FROM response_times_by_hour WHERE hour >= now() - INTERVAL 1 DAY",
    "SELECT * FROM sla_by_hour WHERE hour >= now() - INTERVAL 1 DAY",
    "SELECT * FROM watermarks",
)


@contextmanager
def open_wall(url: str, database: str) -> Iterator[list[RepeatedQuery]]:
    """One client per view, all at once, until the block ends."""
    clients = [RepeatedQuery(url, database, EVERY_SECONDS, _Panel(query)) for query in QUERIES]
    with ExitStack() as stack:
        for client in clients:
            stack.enter_context(client)
        yield clients


class _Panel:
    """Asks for one view and reads the whole answer."""

    def __init__(self, query: str) -> None:
        self._query = query

    def __call__(self, door: ClickHouse) -> bytes:
        return door.raw(self._query, FORMAT)
