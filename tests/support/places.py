"""A table of places, some with hostile names, for a small dashboard."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.clickhouse.client import ClickHouse
from tests.support.database import Databases
from tests.support.web.small_dashboards import panel

HOSTILE = ["north", "o'brien", "back\\slash\\", "'); DROP TABLE places --", "$__fromTime", "${window}"]
PLACES = "$__conditionalAll(place IN (${place:singlequote}), $place)"
PANELS = [
    panel(1, "timeseries", "SELECT $__fromTime AS time, place, 1 AS one FROM places ORDER BY time, place", 0),
    panel(2, "table", f"SELECT place, seen FROM places WHERE {PLACES} ORDER BY place"),
    panel(3, "stat", "SELECT ${window} AS seconds"),
    panel(4, "stat", "SELECT * FROM nowhere"),
    panel(5, "stat", "SELECT $__nothing"),
    panel(6, "stat", "CREATE TABLE made (a UInt8) ENGINE = Memory"),
    panel(7, "table", "SELECT number FROM numbers(60000)"),
    panel(8, "timeseries", "SELECT 1 AS one", 0),
    panel(9, "timeseries", "", targets=[{"expr": "rate(x[$__rate_interval])", "legendFormat": "{{partition}}"}]),
    panel(10, "stat", "SELECT sleepEachRow(3) FROM numbers(20) SETTINGS max_block_size = 1"),
]


@contextmanager
def places(pool: Databases) -> Iterator[ClickHouse]:
    """Yield a migrated database with the table of places."""
    with pool.lent() as name, ClickHouse(pool.url, name) as client:
        client.execute("CREATE TABLE places (place String, seen UInt64) ENGINE = MergeTree ORDER BY place")
        values = ", ".join(f"({_literal(place)}, {at})" for at, place in enumerate(HOSTILE))
        client.execute(f"INSERT INTO places VALUES {values}")
        yield client


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
