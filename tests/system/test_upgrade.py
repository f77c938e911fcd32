"""A database of an earlier version is upgraded in place and keeps its rows."""

import secrets
from collections.abc import Iterator

import pytest

from pipeline.clickhouse import migrations, schema
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.old_schema import create_old, definitions
from tests.support.same_databases import PARAMETER, arguments_for
from tests.support.system import System, wait_for
from tests.support.traffic import live_records

#: The tables of commit 69ca1a0 that hold data, by their present names.
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
#: Says when a row was written here. Old rows have no such value: they read as the present time.
NOT_KEPT = frozenset({"inserted_at"})
NOT_IN_THE_TRAFFIC = frozenset({"skips", "failures", "expected_bands", "expected_band_revisions"})
EPISODE = "INSERT INTO spike_revisions (log, episode_id, since, observed_count, revision) VALUES"


@pytest.fixture
def old(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    """Create a database as commit 69ca1a0 did."""
    with create_old(clickhouse.url) as created:
        yield created


@pytest.fixture
def fresh(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    """Create an empty database of this version."""
    name = f"fresh_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    client = ClickHouse(clickhouse.url, name)
    yield client
    client.execute(f"DROP DATABASE {name}")
    client.close()


@pytest.mark.embedded_broker
def test_a_database_of_commit_69ca1a0_is_upgraded_in_place_and_shows_the_same_rows_as_a_fresh_one(
    system: System, old: ClickHouse, fresh: ClickHouse
) -> None:
    worker = system.start_worker()
    system.publish([*live_records(seed=5, number=2_000, rate=3.0), (b"k", b"no json")])
    system.wait_until_folded()
    wait_for(lambda: bool(system.client.rows("SELECT 1 FROM rolling LIMIT 1")), 60, system.log)
    worker.kill()
    worker.wait()
    system.client.execute(f"{EPISODE} ('l', 'e', 60, 1, 1), ('l', 'e', 60, 2, 2)")
    system.client.execute("INSERT INTO redrives (log, kafka_offset) VALUES ('l', 7)")
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
    found, wanted = contents(old), contents(fresh)
    assert [name for name in wanted if found[name] != wanted[name]] == []
    # Every relation compared holds rows, except those that this traffic does not fill.
    assert {name for name, counted in wanted.items() if not any(count for count, _ in counted)} <= NOT_IN_THE_TRAFFIC
    assert old.rows("SELECT observed_count FROM spikes") == [(2,)]


def copy_rows(client: ClickHouse, source: str, target: str) -> None:
    """Insert the rows of one table into another, with the columns that both have."""
    shared = ", ".join(name for name in column_names(client, target) if name in column_names(client, source))
    client.execute(f"INSERT INTO {target} ({shared}) SELECT {shared} FROM {source}")


def column_names(client: ClickHouse, relation: str) -> list[str]:
    return [str(row[0]) for row in client.rows(f"DESCRIBE (SELECT * FROM {relation})")]


def contents(client: ClickHouse) -> dict[str, list[tuple[int, int]]]:
    """Return the row count and a hash of all rows of each table and view; of parametrised ones, at some instants."""
    return {name: list(_contents(client, name)) for name in sorted(definitions(client).keys() - ABOUT_MIGRATING)}


def _contents(client: ClickHouse, name: str) -> Iterator[tuple[int, int]]:
    [(engine, query)] = client.rows(
        f"SELECT engine, create_table_query FROM system.tables WHERE database = currentDatabase() AND name = '{name}'"
    )
    final = " FINAL" if engine.startswith("Replacing") else ""
    for arguments in arguments_for(client, client.database, list(dict(PARAMETER.findall(query)))):
        kept = [f"`{column}`" for column in column_names(client, name + arguments) if column not in NOT_KEPT]
        # As text: the hash of a null is null, which a sum ignores.
        row = f"cityHash64(toString(tuple({', '.join(kept)})))"
        [(count, total)] = client.rows(f"SELECT count(), sum({row}) FROM {name}{arguments}{final}")
        yield count, total
