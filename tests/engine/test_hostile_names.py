"""Selecting a queue shows its numbers, whatever its name: in Grafana, by Grafana's own rules, and on the page."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.web.macros import Choice, Scope, expand
from tests.support.database import Databases
from tests.support.records import encoded
from tests.support.web.dashboards import clickhouse_queries
from tests.support.web.grafana_variables import ALL, with_variables
from tests.support.zone_views import fold_values

NAMES = (
    "",
    "CORP\\team",
    "x\\",
    "O'Neil",
    "\\'",
    "a,b",
    "$__all",
    "All",
    "${queue}",
    "$__fromTime",
    '"dq"',
    "\\') OR 1=1 -- ",
    "') OR 1=1 -- ",
    "%' OR '%'='",
    "line\nbreak\ttab",
    "{curly}",
    "Zürich 🛬",
    "(unknown)",
    "x",
)
NOW_MS = int(datetime(2026, 11, 23, 10, 20, tzinfo=UTC).timestamp() * 1000)
SCOPE = Scope(NOW_MS - 3_600_000, NOW_MS + 60_000)


@pytest.fixture(scope="module")
def client(database_pool: Databases) -> Iterator[ClickHouse]:
    """Create a database in which each name is that of a tenant and of a queue with one contact."""
    with database_pool.lent() as name, ClickHouse(database_pool.url, name) as found:
        values = []
        for number, name in enumerate(NAMES):
            data = {"channel": "email", "queue": name} if name else {"channel": "email"}
            tenant = {"tenant": name} if name else {}
            at = "2026-11-23T10:19:00Z"
            values.append(encoded(id=f"{number}", subject=f"n-{number}", time=at, data=data, **tenant))
        fold_values(found, "UTC", values, NOW_MS)
        yield found


def sql_of(where: str) -> str:
    return next(query.sql for query in clickhouse_queries() if query.where == where)


CONTACTS = "sichtflug-channel-mix / Contacts"


@pytest.mark.parametrize("variable", ["tenant", "queue"])
def test_each_name_can_be_selected_in_grafana_and_shows_its_one_contact(client: ClickHouse, variable: str) -> None:
    options = client.rows(expand(sql_of(f"sichtflug-channel-mix / ${variable}"), SCOPE))
    texts = [text for _, text in options]
    assert sorted(texts) == sorted(name or "(unknown)" for name in NAMES)
    every = dict.fromkeys(("tenant", "queue", "channel"), (ALL,))
    for value, text in options:
        chosen = with_variables(sql_of(CONTACTS), {**every, variable: (value,)})
        assert client.rows(expand(chosen, SCOPE)) == [(1,)], text
    selected = [value for value, _ in options[::2]]
    assert client.rows(expand(with_variables(sql_of(CONTACTS), {**every, variable: selected}), SCOPE)) == [
        (len(selected),)
    ]


def test_no_name_breaks_or_injects_into_a_query_in_grafana(client: ClickHouse) -> None:
    values = [value for value, _ in client.rows(expand(sql_of("sichtflug-backlog / $queue"), SCOPE))]
    assert all(value.isascii() and value.isalnum() for value in values)
    chosen = {"tenant": values, "queue": values, "channel": (ALL,), "window": ("3600",)}
    names = SCOPE._replace(choices={"window": Choice(["3600"])})
    for query in clickhouse_queries():
        client.rows(expand(with_variables(query.sql, chosen), names))


def test_a_link_from_a_table_leads_to_the_queue_of_its_row(client: ClickHouse) -> None:
    scope = SCOPE._replace(choices={one: Choice([], is_all=True) for one in ("tenant", "queue", "channel")})
    by_place = expand(sql_of("sichtflug-escalations / By channel and queue"), scope)
    rows = client.rows(f"SELECT queue_value, queue_name FROM ({by_place.replace('HAVING escalations > 0', '')})")
    assert sorted(rows) == sorted(client.rows(expand(sql_of("sichtflug-escalations / $queue"), scope)))
