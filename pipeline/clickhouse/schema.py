"""Verification that the database still is as the SQL files created it.

Their result is noted in the database after a migration, because only the server knows how it normalises a view.
Objects that others have added are not noted and not faults.
"""

from typing import NamedTuple

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.clickhouse.sql_files import makers
from pipeline.errors import ClickHouseRejectedError, SchemaRefusedError

SHOWN = 5
#: ClickHouse's errors if the table of notes is missing, or has no column `made_by` (earlier versions).
WITHOUT_NOTES = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE", "UNKNOWN_IDENTIFIER")
#: Name, part and content of all tables, views, columns of tables, and functions.
PARTS = (
    "SELECT name, '' AS part, if(engine = 'View', as_select, '') AS content FROM system.tables "
    "WHERE database = currentDatabase() "
    "UNION ALL SELECT table, name, type FROM system.columns WHERE database = currentDatabase() "
    "AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'View') "
    "UNION ALL SELECT name, '', '' FROM system.functions WHERE origin = 'SQLUserDefined'"
)
NEWEST_NOTE = "SELECT max(noted_at) FROM schema_parts WHERE made_by != ''"
NOTES = f"SELECT name, part, content FROM schema_parts WHERE made_by != '' AND noted_at = ({NEWEST_NOTE})"
VIEW_REMEDY = "Run: sichtflug migrate, which creates views and functions again"
TABLE_REMEDY = (
    "Stop the workers and run the statements of these files that name it again, with clickhouse-client; rows of a "
    "table that is gone come back only from a backup, or by folding the log into another database"
)


class SchemaFault(NamedTuple):
    """A missing or altered object: what is wrong with it, and the files that create it."""

    what: str
    made_by: str


def verify(client: ClickHouse) -> int:
    """Return the number of tables, views and functions. Raises SchemaRefusedError if some are missing or altered.

    Also raises the errors of the ClickHouse client.
    """
    noted = _parts(client, NOTES)
    if not noted:
        raise SchemaRefusedError("the database has no notes of what the migrations made; run: sichtflug migrate")
    faults = _faults(client, noted)
    if faults:
        shown = "; ".join(f"{fault.what} (made by {fault.made_by})" for fault in faults[:SHOWN])
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        of_views = [_is_of_views(fault.made_by) for fault in faults]
        remedies = [VIEW_REMEDY] * any(of_views) + [TABLE_REMEDY] * (not all(of_views))
        raise SchemaRefusedError(f"{shown}{more}. {'. '.join(remedies)}")
    return len(makers())


def damaged_view_files(client: ClickHouse) -> set[str]:
    """Return the files whose views or functions are missing or altered; none if nothing is noted yet."""
    noted = _noted(client)
    return {fault.made_by for fault in _faults(client, noted) if _is_of_views(fault.made_by)} if noted else set()


def abandoned_views(client: ClickHouse) -> list[str]:
    """Return the views that files of an earlier version created and no file creates now.

    They are known from the notes, which list only what the SQL files created.
    """
    ours = {name for (name, part), content in _noted(client).items() if content and not part}
    candidates = ours - makers().keys()
    if not candidates:
        return []
    views = client.rows("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
    return sorted(name for (name,) in views if name in candidates)


def note(client: ClickHouse) -> None:
    """Note the present state of everything that the SQL files create. To be called right after they were applied."""
    names = ", ".join(map(quoted, makers()))
    files = ", ".join(map(quoted, makers().values()))
    # Later than everything applied and noted, so that this is the newest note whatever the clock says.
    noted_at = (
        "greatest(now64(3, 'UTC'), (SELECT max(applied_at) FROM migrations), "
        "(SELECT max(noted_at) FROM schema_parts) + INTERVAL 1 MILLISECOND)"
    )
    client.execute(
        "INSERT INTO schema_parts (noted_at, name, part, content, made_by) "
        f"SELECT {noted_at}, name, part, content, transform(name, [{names}], [{files}], '') AS file "
        f"FROM ({PARTS}) WHERE file != ''"
    )


def is_note_outdated(client: ClickHouse) -> bool:
    """Return whether a file was applied since the newest note, by a migration that was interrupted."""
    [(outdated,)] = client.rows(f"SELECT (SELECT max(applied_at) FROM migrations) > ({NEWEST_NOTE})")
    return bool(outdated)


def _faults(client: ClickHouse, noted: dict[tuple[str, str], str]) -> list[SchemaFault]:
    """Return the differences from what the files created, one for each table, view or function."""
    present = _parts(client, PARTS)
    faults = {name: f"{name} is missing" for name in makers() if (name, "") not in present}
    for (name, part), content in sorted(noted.items()):
        if name not in makers() or name in faults:
            continue
        if (name, part) not in present:
            faults[name] = f"{name} lacks the column {part}"
        elif present[name, part] != content:
            what = f"the column {part} is {present[name, part]}, not {content}" if part else "it is another query"
            faults[name] = f"{name} was altered: {what}"
    return [SchemaFault(faults[name], makers()[name]) for name in sorted(faults)]


def _is_of_views(made_by: str) -> bool:
    return made_by.startswith("views/")


def _noted(client: ClickHouse) -> dict[tuple[str, str], str]:
    """Return the newest notes; empty if there are none yet."""
    try:
        return _parts(client, NOTES)
    except ClickHouseRejectedError as refusal:
        if refusal.names(*WITHOUT_NOTES):
            return {}
        raise


def _parts(client: ClickHouse, query: str) -> dict[tuple[str, str], str]:
    return {(str(name), str(part)): str(content) for name, part, content in client.rows(query)}
