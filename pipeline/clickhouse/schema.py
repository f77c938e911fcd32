"""Whether the database still is what the SQL files made of it.

What they made is noted in the database itself once they are through: only the server knows how it writes a view down.
What others have added is not noted, and is no fault.
"""

from typing import NamedTuple

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.clickhouse.sql_files import makers
from pipeline.errors import ClickHouseRejectedError, SchemaRefusedError

SHOWN = 5
#: The table of notes is missing, or of a version that did not say which file made a part.
WITHOUT_NOTES = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE", "UNKNOWN_IDENTIFIER")
#: Name, part and content of everything there is: tables and views, columns of tables, functions.
PARTS = (
    "SELECT name, '' AS part, if(engine = 'View', as_select, '') AS content FROM system.tables "
    "WHERE database = currentDatabase() "
    "UNION ALL SELECT table, name, type FROM system.columns WHERE database = currentDatabase() "
    "AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'View') "
    "UNION ALL SELECT name, '', '' FROM system.functions WHERE origin = 'SQLUserDefined'"
)
NEWEST_NOTE = "SELECT max(noted_at) FROM schema_parts WHERE made_by != ''"
NOTES = f"SELECT name, part, content FROM schema_parts WHERE made_by != '' AND noted_at = ({NEWEST_NOTE})"
VIEW_REMEDY = "Run: sichtflug migrate, which makes views and functions anew"
TABLE_REMEDY = (
    "Stop the workers and run the statements of these files that name it again, with clickhouse-client; rows of a "
    "table that is gone come back only from a backup, or by folding the log into another database"
)


class SchemaFault(NamedTuple):
    """Something that is not as it was made: what is wrong with it, and the files that make it."""

    what: str
    made_by: str


def verify(client: ClickHouse) -> int:
    """Return how many tables, views and functions there are. Raises SchemaRefusedError for missing or altered ones.

    Raises what ClickHouse raises.
    """
    noted = _parts(client, NOTES)
    if not noted:
        raise SchemaRefusedError("nobody has noted what the migrations made; run: sichtflug migrate")
    found = _faults(client, noted)
    if found:
        told = "; ".join(f"{fault.what} (made by {fault.made_by})" for fault in found[:SHOWN])
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        of_views = [_is_of_views(fault.made_by) for fault in found]
        remedies = [VIEW_REMEDY] * any(of_views) + [TABLE_REMEDY] * (not all(of_views))
        raise SchemaRefusedError(f"{told}{more}. {'. '.join(remedies)}")
    return len(makers())


def damaged_view_files(client: ClickHouse) -> set[str]:
    """Return the files whose views or functions are missing or altered; none where nothing is noted yet."""
    noted = _noted(client)
    return {fault.made_by for fault in _faults(client, noted) if _is_of_views(fault.made_by)} if noted else set()


def abandoned_views(client: ClickHouse) -> list[str]:
    """Return the views that files of an earlier version made, and none makes now.

    They are known from the notes, which list what our files made and nothing else.
    """
    ours = {name for (name, part), content in _noted(client).items() if content and not part}
    candidates = ours - makers().keys()
    if not candidates:
        return []
    views = client.rows("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
    return sorted(name for (name,) in views if name in candidates)


def note(client: ClickHouse) -> None:
    """Write down what there is now of all that our files make; they have just made it."""
    names = ", ".join(map(quoted, makers()))
    files = ", ".join(map(quoted, makers().values()))
    # Later than all that was applied and noted, so that the newest note counts whatever the clock says.
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
    """Say whether a file was applied since the newest note: whoever applied it did not come to the end."""
    [(outdated,)] = client.rows(f"SELECT (SELECT max(applied_at) FROM migrations) > ({NEWEST_NOTE})")
    return bool(outdated)


def _faults(client: ClickHouse, noted: dict[tuple[str, str], str]) -> list[SchemaFault]:
    """List what is not as the files made it, one fault for each table, view or function."""
    found = _parts(client, PARTS)
    faults = {name: f"{name} is missing" for name in makers() if (name, "") not in found}
    for (name, part), content in sorted(noted.items()):
        if name not in makers() or name in faults:
            continue
        if (name, part) not in found:
            faults[name] = f"{name} lacks the column {part}"
        elif found[name, part] != content:
            what = f"the column {part} is {found[name, part]}, not {content}" if part else "it is another query"
            faults[name] = f"{name} was altered: {what}"
    return [SchemaFault(faults[name], makers()[name]) for name in sorted(faults)]


def _is_of_views(made_by: str) -> bool:
    return made_by.startswith("views/")


def _noted(client: ClickHouse) -> dict[tuple[str, str], str]:
    """Return the newest notes; none from a database that has none yet."""
    try:
        return _parts(client, NOTES)
    except ClickHouseRejectedError as refusal:
        if refusal.names(*WITHOUT_NOTES):
            return {}
        raise


def _parts(client: ClickHouse, query: str) -> dict[tuple[str, str], str]:
    return {(str(name), str(part)): str(content) for name, part, content in client.rows(query)}
