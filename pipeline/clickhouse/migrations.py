"""Migration of a database to this version: missing numbered files, then views whose files have changed.

Applied files are recorded in the table `migrations`. A recorded number without a file is ignored: it belonged to a file
of views, before views had files of their own.
"""

from typing import NamedTuple

from pipeline.clickhouse import schema
from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql_files import SqlFile, available
from pipeline.errors import ClickHouseRejectedError

#: ClickHouse's errors if nothing was migrated yet.
ABSENT = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE")
#: Versions without files of views had no column `checksum` in the table `migrations`.
WITHOUT_CHECKSUMS = "UNKNOWN_IDENTIFIER"


class Plan(NamedTuple):
    """The steps that bring a database to this version: files to apply in order, then views to drop."""

    files: list[SqlFile]
    dropped_views: list[str]


NOTHING = Plan([], [])


def pending(client: ClickHouse) -> list[SqlFile]:
    """Return the files that are not applied with their present content, in order."""
    recorded = _recorded(client)
    numbers = {number for number, _ in recorded}
    return [
        file
        for file in available()
        if (file.number not in numbers if file.number else recorded.get((0, file.name)) != file.checksum)
    ]


def plan(client: ClickHouse) -> Plan:
    """Return what `migrate` would do. Files whose views or functions are missing or altered are applied again."""
    missing = pending(client)
    damaged = schema.damaged_view_files(client)
    files = [file for file in available() if file in missing or file.path in damaged]
    return Plan(files, schema.abandoned_views(client))


def migrate(url: str, database: str) -> Plan:
    """Bring a database to this version and return what was done. After an interruption it can be repeated."""
    prepare(url, database)
    with ClickHouse(url, database) as client:
        planned = plan(client)
        carry_out(client, planned)
    return planned


def carry_out(client: ClickHouse, planned: Plan) -> None:
    """Carry out a plan, even if another `migrate` has meanwhile done the same."""
    for file in planned.files:
        _apply_once(client, file)
    for view in planned.dropped_views:
        client.execute(f"DROP VIEW IF EXISTS {view}")
    if planned != NOTHING or schema.is_note_outdated(client):
        schema.note(client)


def prepare(url: str, database: str) -> None:
    """Create the database and the table `migrations` if they are missing."""
    with ClickHouse(url, "") as server:
        server.execute(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    with ClickHouse(url, database) as client:
        client.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime DEFAULT now()) "
            "ENGINE = MergeTree ORDER BY number"
        )


def apply(client: ClickHouse, file: SqlFile) -> None:
    """Apply one file and record it. Repeatable after an interruption, because each statement is idempotent."""
    for statement in file.statements:
        client.execute(statement)
    if file.number:
        client.execute(f"INSERT INTO migrations (number, name) VALUES ({file.number}, '{file.name}')")
    else:
        # The newest row counts, even if a clock was set back.
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
    """Return the newest checksum by number and name; empty for a numbered file, or without a column for it."""
    try:
        rows = client.rows("SELECT number, name, argMax(checksum, applied_at) FROM migrations GROUP BY number, name")
    except ClickHouseRejectedError as refusal:
        if refusal.names(*ABSENT):
            return {}
        if not refusal.names(WITHOUT_CHECKSUMS):
            raise
        rows = client.rows("SELECT number, name, '' FROM migrations")
    return {(number, name): checksum for number, name, checksum in rows}
