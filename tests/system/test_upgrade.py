"""A database of an earlier version becomes one of this version in place, and keeps its rows."""

import secrets
from collections.abc import Iterator

import pytest

from pipeline.clickhouse import migrations, schema
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.old_schema import create_old
from tests.support.same_databases import PARAMETER, arguments_for
from tests.support.system import System, wait_for
from tests.system.test_main_job import live_records

#: The tables of commit 69ca1a0 that hold data, by the names that they have now.
OLD_NAMES = {
    "ledger": "ledger",
    "interactions": "interactions",
    "rejections": "rejections",
    "workers": "workers",
    "redrives": "redrives",
    "rolling_revisions": "rolling",
    "spike_revisions": "spikes",
    "rolling_checkpoints": "rolling_checkpoints",
}
#: Say when a database was migrated, which differs.
ABOUT_MIGRATING = frozenset({"migrations", "schema_parts"})
#: Says when a row was written here. An old row has no value of its own: it reads as the present time.
NOT_KEPT = frozenset({"inserted_at"})
EPISODE = "INSERT INTO spike_revisions (log, episode_id, since, observed_count, revision) VALUES"


@pytest.fixture
def old(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    """A database as commit 69ca1a0 made it."""
    with_database = f"old_{secrets.token_hex(4)}"
    create_old(clickhouse.url, with_database)
    client = ClickHouse(clickhouse.url, with_database)
    yield client
    client.execute(f"DROP DATABASE {with_database}")
    client.close()


@pytest.fixture
def fresh(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    """An empty database of this version."""
    name = f"fresh_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    client = ClickHouse(clickhouse.url, name)
    yield client
    client.execute(f"DROP DATABASE {name}")
    client.close()


@pytest.mark.parametrize("kafka", ["embedded broker"], indirect=True)
def test_a_database_of_commit_69ca1a0_is_upgraded_in_place_and_shows_the_same_rows_as_a_fresh_one(
    system: System, old: ClickHouse, fresh: ClickHouse
) -> None:
    worker = system.start_worker()
    system.publish([*live_records(seed=5, number=2_000, rate=3.0), (b"k", b"no json")])
    system.wait_until_folded()
    wait_for(lambda: bool(system.door.rows("SELECT 1 FROM rolling LIMIT 1")), 60, system.log)
    worker.kill()
    worker.wait()
    system.door.execute(f"{EPISODE} ('l', 'e', 60, 1, 1), ('l', 'e', 60, 2, 2)")
    system.door.execute("INSERT INTO redrives (log, kafka_offset) VALUES ('l', 7)")
    for now, before in OLD_NAMES.items():
        copy_rows(old, source=f"{system.database}.{now}", target=f"{old.database}.{before}")
        copy_rows(old, source=f"{old.database}.{before}", target=f"{fresh.database}.{now}")

    upgraded = system.run("migrate", clickhouse_database=old.database)
    assert upgraded.returncode == 0, upgraded.stderr
    assert "applied views/backlog.sql" in upgraded.stdout
    assert "0004" not in upgraded.stdout

    assert system.run("migrate", clickhouse_database=old.database).stdout == "up to date\n"
    assert schema.verify(old) == schema.verify(fresh)
    assert definitions(old) == definitions(fresh)
    names = sorted(definitions(fresh).keys() - ABOUT_MIGRATING)
    different = [name for name in names if rows(old, name) != rows(fresh, name)]
    assert different == []
    # Nothing was compared that holds nothing, but for what this traffic does not bring forth.
    assert {name for name in names if not any(rows(fresh, name))} <= {"skips", "failures", "repetition_burden_by_day"}
    assert old.rows("SELECT observed_count FROM spikes") == [(2,)]


def copy_rows(client: ClickHouse, source: str, target: str) -> None:
    """Insert the rows of one table into another, with the columns that both have."""
    shared = ", ".join(name for name in column_names(client, target) if name in column_names(client, source))
    client.execute(f"INSERT INTO {target} ({shared}) SELECT {shared} FROM {source}")


def column_names(client: ClickHouse, relation: str) -> list[str]:
    return [str(row[0]) for row in client.rows(f"DESCRIBE (SELECT * FROM {relation})")]


def definitions(client: ClickHouse) -> dict[str, str]:
    """How each table and view was created, as ClickHouse writes it down, without the database's own name."""
    made = client.rows("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
    return {name: query.replace(client.database, "") for name, query in made}


def rows(client: ClickHouse, name: str) -> list[list[str]]:
    """All rows of a table or view as text, sorted; of one with parameters, at some instants of the log."""
    [(engine, query)] = client.rows(
        f"SELECT engine, create_table_query FROM system.tables WHERE database = currentDatabase() AND name = '{name}'"
    )
    final = " FINAL" if engine.startswith("Replacing") else ""
    found = []
    for arguments in arguments_for(client, client.database, list(dict(PARAMETER.findall(query)))):
        kept = [column for column in column_names(client, name + arguments) if column not in NOT_KEPT]
        row = f"toString(tuple({', '.join(f'`{column}`' for column in kept)}))"
        found.append(sorted(str(text) for (text,) in client.rows(f"SELECT {row} FROM {name}{arguments}{final}")))
    return found
