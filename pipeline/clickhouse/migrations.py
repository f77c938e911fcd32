"""Bringing a database up to this version: numbered files that it lacks, then views whose files have changed.

What was applied is recorded in the table `migrations`. A number in it that no file has any more is that of a file that
only made views, before views had files of their own; it counts for nothing.
"""

from typing import NamedTuple

from pipeline.clickhouse import schema
from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql_files import SqlFile, available
from pipeline.errors import ClickHouseRejectedError

#: There is nothing yet: ClickHouse names the database, or the table, that it does not find.
ABSENT = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE")
#: The table `migrations` of a version that had no files of views lacks the column `checksum`.
WITHOUT_CHECKSUMS = "UNKNOWN_IDENTIFIER"


class Plan(NamedTuple):
    """What brings a database up to this version: files to apply in order, then views to drop."""

    files: list[SqlFile]
    dropped_views: list[str]


NOTHING = Plan([], [])


def pending(client: ClickHouse) -> list[SqlFile]:
    """List the files that are not applied, or not with their present content, in order."""
    recorded = _recorded(client)
    numbers = {number for number, _ in recorded}
    return [
        file
        for file in available()
        if (file.number not in numbers if file.number else recorded.get((0, file.name)) != file.checksum)
    ]


def plan(client: ClickHouse) -> Plan:
    """Say what `migrate` would do. Files whose views or functions are gone or were altered are applied again, too."""
    missing = pending(client)
    damaged = schema.damaged_view_files(client)
    files = [file for file in available() if file in missing or file.path in damaged]
    return Plan(files, schema.abandoned_views(client))


def migrate(url: str, database: str) -> Plan:
    """Bring a database up to this version, and return what was done. Interrupted, it is repeated."""
    prepare(url, database)
    with ClickHouse(url, database) as client:
        planned = plan(client)
        carry_out(client, planned)
    return planned


def carry_out(client: ClickHouse, planned: Plan) -> None:
    """Do what was planned, also where another `migrate` has meanwhile done the same."""
    for file in planned.files:
        _apply_once(client, file)
    for view in planned.dropped_views:
        client.execute(f"DROP VIEW IF EXISTS {view}")
    if planned != NOTHING or schema.is_note_outdated(client):
        schema.note(client)


def prepare(url: str, database: str) -> None:
    """Create the database and the table of what was applied where they are missing."""
    with ClickHouse(url, "") as server:
        server.execute(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    with ClickHouse(url, database) as client:
        client.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime DEFAULT now()) "
            "ENGINE = MergeTree ORDER BY number"
        )


def apply(client: ClickHouse, file: SqlFile) -> None:
    """Apply one file and record it. Applied halfway, it is applied again: each statement may be repeated."""
    for statement in file.statements:
        client.execute(statement)
    if file.number:
        client.execute(f"INSERT INTO migrations (number, name) VALUES ({file.number}, '{file.name}')")
    else:
        # The newest row counts, also where a clock was set back.
        client.execute(
            f"INSERT INTO migrations (number, name, checksum, applied_at) SELECT 0, '{file.name}', '{file.checksum}', "
            "greatest(now64(3, 'UTC'), max(applied_at) + INTERVAL 1 MILLISECOND) FROM migrations"
        )


def _apply_once(client: ClickHouse, file: SqlFile) -> None:
    """Apply a file, unless another `migrate` has done so by the time ClickHouse refuses it."""
    try:
        apply(client, file)
    except ClickHouseRejectedError:
        if file in pending(client):
            raise


def _recorded(client: ClickHouse) -> dict[tuple[int, str], str]:
    """Return the newest checksum by number and name: empty for a numbered file, and where there is no column for it."""
    try:
        rows = client.rows("SELECT number, name, argMax(checksum, applied_at) FROM migrations GROUP BY number, name")
    except ClickHouseRejectedError as refusal:
        if refusal.names(*ABSENT):
            return {}
        if not refusal.names(WITHOUT_CHECKSUMS):
            raise
        rows = client.rows("SELECT number, name, '' FROM migrations")
    return {(number, name): checksum for number, name, checksum in rows}
