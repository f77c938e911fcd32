"""`migrate` when view files change or vanish, when views in the database are damaged, and when it is interrupted."""

import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.clickhouse import migrations, schema, sql_files
from pipeline.clickhouse.client import ClickHouse
from pipeline.data_files import directory
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.errors import ClickHouseUnavailableError, SchemaRefusedError
from tests.support.old_schema import create_old, definitions

#: The project's real tables that record what was applied and created.
RECORDS = ("0061_know_the_schema_again.sql", "0062_repeat_views.sql")


class Project:
    """A few small files in place of this project's, and a database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.name = f"views_{secrets.token_hex(4)}"
        # Functions belong to the server, shared by all databases.
        self.function = f"f_{self.name}"
        self.folder = folder
        (folder / "migrations").mkdir()
        (folder / "views").mkdir()
        for name in RECORDS:
            text = (directory("migrations", "deploy/clickhouse/migrations") / name).read_text()
            (folder / "migrations" / name).write_text(text)
        (folder / "migrations" / "0001_things.sql").write_text(
            "CREATE TABLE IF NOT EXISTS things (a Int64, b Int64) ENGINE = MergeTree ORDER BY a;\n"
        )
        self.write("functions", f"CREATE OR REPLACE FUNCTION {self.function} AS (x) -> 2 * x;\n")
        self.write(
            "base", f"-- needs: functions\nCREATE OR REPLACE VIEW base AS SELECT {self.function}(a) AS c FROM things;\n"
        )
        self.write("top", "-- needs: base\nCREATE OR REPLACE VIEW top AS SELECT * FROM base;\n")
        self.write("other", "CREATE OR REPLACE VIEW one AS SELECT 1;\n\nCREATE OR REPLACE VIEW two AS SELECT 2;\n")

    def write(self, name: str, text: str) -> None:
        """Write a view file, or delete it if the text is empty."""
        path = self.folder / "views" / f"{name}.sql"
        if text:
            path.write_text(text)
        else:
            path.unlink()
        sql_files.available.cache_clear()
        sql_files.makers.cache_clear()

    def migrate(self) -> list[str]:
        """Migrate; return the files applied and the views dropped."""
        done = migrations.migrate(self.url, self.name)
        return [*map(str, done.files), *done.dropped_views]


@pytest.fixture
def project(clickhouse: EmbeddedClickHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    found = Project(clickhouse.url, tmp_path)
    monkeypatch.setattr(sql_files, "directory", lambda name, in_checkout: tmp_path / name)
    yield found
    monkeypatch.undo()
    sql_files.available.cache_clear()
    sql_files.makers.cache_clear()


@pytest.fixture
def client(project: Project) -> Iterator[ClickHouse]:
    """Connect to the project's database, migrated."""
    assert project.migrate() == [
        *("0001 things", "0061 know_the_schema_again", "0062 repeat_views"),
        *("views/functions.sql", "views/other.sql", "views/base.sql", "views/top.sql"),
    ]
    found = ClickHouse(project.url, project.name)
    found.execute("INSERT INTO things (a, b) VALUES (3, 5)")
    yield found
    found.execute(f"DROP FUNCTION IF EXISTS {project.function}")
    found.execute(f"DROP DATABASE {project.name}")
    found.close()


def test_a_second_migrate_does_nothing(project: Project, client: ClickHouse) -> None:
    assert project.migrate() == []
    assert schema.verify(client) == len(sql_files.makers())


def test_a_changed_file_is_applied_again_with_its_dependents_only(project: Project, client: ClickHouse) -> None:
    assert client.rows("SELECT * FROM top") == [(6,)]
    project.write("functions", f"CREATE OR REPLACE FUNCTION {project.function} AS (x) -> 7 * x;\n")
    assert [str(file) for file in migrations.pending(client)] == (
        ["views/functions.sql", "views/base.sql", "views/top.sql"]
    )
    assert project.migrate() == ["views/functions.sql", "views/base.sql", "views/top.sql"]
    assert client.rows("SELECT * FROM top") == [(21,)]
    assert project.migrate() == []
    schema.verify(client)


def test_a_view_without_a_file_is_dropped_and_foreign_objects_are_kept(project: Project, client: ClickHouse) -> None:
    client.execute("CREATE VIEW theirs AS SELECT 1")
    project.write("other", "CREATE OR REPLACE VIEW two AS SELECT 2;\n")
    assert project.migrate() == ["views/other.sql", "one"]
    project.write("top", "")
    assert migrations.plan(client) == migrations.Plan([], ["top"])
    assert project.migrate() == ["top"]
    names = {name for (name,) in client.rows("SHOW TABLES")}
    assert names == {"things", "migrations", "schema_parts", "base", "two", "theirs"}
    # A foreign view that reuses a name once ours.
    client.execute("CREATE VIEW top AS SELECT 1")
    assert project.migrate() == []
    schema.verify(client)


def test_a_view_that_moved_to_another_file_is_kept(project: Project, client: ClickHouse) -> None:
    project.write("other", "CREATE OR REPLACE VIEW two AS SELECT 2;\n")
    project.write("elsewhere", "CREATE OR REPLACE VIEW one AS SELECT 1;\n")
    assert project.migrate() == ["views/elsewhere.sql", "views/other.sql"]
    assert client.rows("SELECT * FROM one") == [(1,)]


def test_a_restored_file_is_applied_again(project: Project, client: ClickHouse) -> None:
    text = (project.folder / "views" / "top.sql").read_text()
    project.write("top", "")
    assert project.migrate() == ["top"]
    project.write("top", text)
    assert project.migrate() == ["views/top.sql"]
    assert client.rows("SELECT * FROM top") == [(6,)]


@pytest.mark.parametrize(
    ("damage", "message", "file"),
    [
        ("DROP VIEW top", "top is missing (made by views/top.sql). Run: sichtflug migrate", "views/top.sql"),
        ("CREATE OR REPLACE VIEW two AS SELECT 3", "two was altered: it is another query", "views/other.sql"),
        ("DROP FUNCTION {function}", "f_{name} is missing (made by views/functions.sql)", "views/functions.sql"),
    ],
)
def test_a_missing_or_altered_view_or_function_is_recreated(
    project: Project, client: ClickHouse, damage: str, message: str, file: str
) -> None:
    names = {"function": project.function, "name": project.name}
    client.execute(damage.format(**names))
    with pytest.raises(SchemaRefusedError) as refused:
        schema.verify(client)
    assert message.format(**names) in str(refused.value)
    assert project.migrate() == [file]
    schema.verify(client)
    assert client.rows("SELECT * FROM two") == [(2,)]


def test_a_missing_or_altered_table_stays_a_fault_whatever_else_is_migrated(
    project: Project, client: ClickHouse
) -> None:
    client.execute("ALTER TABLE things DROP COLUMN b")
    with pytest.raises(SchemaRefusedError, match=r"things lacks the column b \(made by 0001_things.sql\)\. Stop"):
        schema.verify(client)
    assert project.migrate() == []
    client.execute("DROP TABLE things")
    project.write("other", "CREATE OR REPLACE VIEW one AS SELECT 1;\n\nCREATE OR REPLACE VIEW two AS SELECT 4;\n")
    assert project.migrate() == ["views/other.sql"]
    with pytest.raises(SchemaRefusedError, match="things is missing"):
        schema.verify(client)


def test_the_newest_record_counts_even_if_a_clock_was_set_back(project: Project, client: ClickHouse) -> None:
    client.execute(
        "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (0, 'top', 'of another', now() + 3600)"
    )
    assert project.migrate() == ["views/top.sql"]
    assert project.migrate() == []


def test_a_migrate_interrupted_before_its_last_record_is_completed_by_the_next(
    project: Project, client: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(client: ClickHouse) -> None:
        raise ClickHouseUnavailableError("gone")

    file = project.folder / "migrations" / "0063_more.sql"
    file.write_text("ALTER TABLE things ADD COLUMN IF NOT EXISTS more Int64;\n")
    project.write("other", "CREATE OR REPLACE VIEW two AS SELECT 2;\n")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "note", die)
        with pytest.raises(ClickHouseUnavailableError):
            project.migrate()
    # Everything is done except the record of it.
    assert migrations.plan(client) == migrations.NOTHING
    assert project.migrate() == []
    client.execute("ALTER TABLE things DROP COLUMN more")
    with pytest.raises(SchemaRefusedError, match=r"things lacks the column more \(made by 0001_things.sql, 0063"):
        schema.verify(client)


@pytest.fixture
def old(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    with create_old(clickhouse.url) as created:
        yield created


@pytest.fixture(scope="module")
def wanted(clickhouse: EmbeddedClickHouse) -> dict[str, str]:
    """Return the definitions of all tables and views of a fresh database."""
    name = f"fresh_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    client = ClickHouse(clickhouse.url, name)
    found = definitions(client)
    client.execute(f"DROP DATABASE {name}")
    client.close()
    return found


def test_a_worker_reports_what_an_old_database_lacks(old: ClickHouse) -> None:
    missing = [str(file) for file in migrations.pending(old)]
    assert missing[0] == "0041 keep_revisions_apart"
    assert {"0062 repeat_views", "views/backlog.sql"} <= set(missing)


def test_an_upgrade_that_applies_every_file_twice_keeps_rows_and_ends_the_same(
    old: ClickHouse, wanted: dict[str, str]
) -> None:
    old.execute("INSERT INTO spikes (log, episode_id, since, revision) VALUES ('l', 'e', 60, 1), ('l', 'e', 60, 2)")
    old.execute("INSERT INTO rolling (emitted_at, window_seconds, scope, open_count) VALUES (60, 300, 'all', 7)")
    for file in migrations.pending(old):
        # Interrupted before the first application was recorded, a file is applied again.
        migrations.apply(old, file)
        migrations.apply(old, file)
    assert old.rows("SELECT episode_id, revision FROM spikes") == [("e", 2)]
    assert old.rows("SELECT scope, open_count FROM rolling") == [("all", 7)]
    assert definitions(old) == wanted


def test_an_upgrade_interrupted_after_any_statement_ends_the_same(
    old: ClickHouse, wanted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = count_of_statements(monkeypatch)
    interrupted = 0
    for limit in range(1, 200):
        executed.limit = executed.left = limit
        try:
            migrations.migrate(old.url, old.database)
            break
        except ClickHouseUnavailableError:
            interrupted += 1
    assert interrupted > 10
    assert definitions(old) == wanted
    schema.verify(old)
    assert migrations.migrate(old.url, old.database) == migrations.NOTHING


class StatementLimit:
    limit = left = 0


def count_of_statements(monkeypatch: pytest.MonkeyPatch) -> StatementLimit:
    """Break a connection once `left` statements have been executed; the last one succeeds."""
    found = StatementLimit()
    execute: Callable[[ClickHouse, str], None] = ClickHouse.execute

    def counted(client: ClickHouse, statement: str) -> None:
        execute(client, statement)
        found.left -= 1
        if found.left == 0:
            raise ClickHouseUnavailableError("the connection broke")

    monkeypatch.setattr(ClickHouse, "execute", counted)
    return found


def test_concurrent_migrations_all_end_the_same(old: ClickHouse, wanted: dict[str, str]) -> None:
    errors = []

    def migrate() -> None:
        try:
            migrations.migrate(old.url, old.database)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert definitions(old) == wanted
    schema.verify(old)


def test_a_plan_made_before_another_migration_finished_does_no_harm(old: ClickHouse, wanted: dict[str, str]) -> None:
    planned = migrations.plan(old)
    migrations.migrate(old.url, old.database)
    migrations.carry_out(old, planned)
    assert definitions(old) == wanted
    assert migrations.plan(old) == migrations.NOTHING
