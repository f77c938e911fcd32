"""Numbered, forward-only SQL migrations of the database."""

import re
import time
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import ClickHouseRejectedError

UNKNOWN_TABLE = "UNKNOWN_TABLE"


#: Name, part and content of everything there is: tables and views, columns of tables, functions.
PARTS = (
    "SELECT name, '' AS part, if(engine = 'View', as_select, '') AS content FROM system.tables "
    "WHERE database = currentDatabase() "
    "UNION ALL SELECT table, name, type FROM system.columns WHERE database = currentDatabase() "
    "AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'View') "
    "UNION ALL SELECT name, '', '' FROM system.functions WHERE origin = 'SQLUserDefined'"
)


class Migration(NamedTuple):
    """One file: its number, its name and its statements, in order."""

    number: int
    name: str
    statements: tuple[str, ...]


def available() -> list[Migration]:
    """The migrations that come with this version, in order."""
    migrations = []
    for path in sorted(_directory().glob("[0-9]*.sql")):
        number, _, name = path.stem.partition("_")
        migrations.append(Migration(int(number), name, statements(path.read_text())))
    return migrations


def statements(text: str) -> tuple[str, ...]:
    """The statements of a file: separated by a semicolon at the end of a line. Comments stay, they do no harm."""
    parts = (part.strip() for part in re.split(r";[ \t]*$", text, flags=re.MULTILINE))
    return tuple(part for part in parts if any(not line.startswith("--") for line in part.splitlines() if line))


def applied(door: ClickHouse) -> set[int]:
    """Numbers of the migrations that the database has; empty when it has none, not even the table that lists them."""
    try:
        return {row[0] for row in door.rows("SELECT DISTINCT number FROM migrations")}
    except ClickHouseRejectedError as refusal:
        if UNKNOWN_TABLE in str(refusal) or "UNKNOWN_DATABASE" in str(refusal):
            return set()
        raise


def pending(door: ClickHouse) -> list[Migration]:
    """The migrations still to be applied, in order."""
    done = applied(door)
    return [migration for migration in available() if migration.number not in done]


def apply(door: ClickHouse, migration: Migration) -> None:
    """Apply one migration and write it down. Applied halfway, it is applied again: each statement may be repeated."""
    for statement in migration.statements:
        door.execute(statement)
    door.execute(f"INSERT INTO migrations (number, name) VALUES ({migration.number}, '{migration.name}')")


def prepare(url: str, database: str) -> None:
    """Create the database and the list of migrations where they are missing."""
    server = ClickHouse(url, "")
    try:
        server.execute(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    finally:
        server.close()
    door = ClickHouse(url, database)
    try:
        door.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime DEFAULT now()) "
            "ENGINE = MergeTree ORDER BY number"
        )
    finally:
        door.close()


def note(door: ClickHouse) -> None:
    """Write down what there is now; the migrations have just made it."""
    now_ms = time.time_ns() // 1_000_000
    door.execute(
        "INSERT INTO schema_parts (noted_at, name, part, content) "
        f"SELECT fromUnixTimestamp64Milli({now_ms}, 'UTC'), name, part, content FROM ({PARTS})"
    )


def migrate(url: str, database: str) -> list[Migration]:
    """Bring a database up to this version; the migrations that were applied come back."""
    prepare(url, database)
    door = ClickHouse(url, database)
    try:
        missing = pending(door)
        for migration in missing:
            apply(door, migration)
        if missing:
            note(door)
        return missing
    finally:
        door.close()


def _directory() -> Path:
    """The SQL files: beside the package in a wheel, under `deploy` in a checkout."""
    shipped = Path(str(files("pipeline"))) / "migrations"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "deploy" / "clickhouse" / "migrations"
