"""Whether the database still is what the migrations made of it.

What they made is noted in the database itself once they are through: only the server knows how it writes a view down.
What others have added is no fault.
"""

import re
from functools import cache

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import SchemaRefusedError

SHOWN = 5


def verify(door: ClickHouse) -> int:
    """Raise SchemaRefusedError for what is missing or altered; how many tables, views and functions there are.

    Raises what ClickHouse raises.
    """
    newest = "(SELECT max(noted_at) FROM schema_parts)"
    noted = _parts(door, f"SELECT name, part, content FROM schema_parts WHERE noted_at = {newest}")
    found = _parts(door, migrations.PARTS)
    ours = {name for name, _ in noted if _makers(name)}
    made = {(name, part): content for (name, part), content in noted.items() if name in ours}
    if not made:
        raise SchemaRefusedError("nobody has noted what the migrations made; run: sichtflug migrate")
    tables = {name for name, part in made if part}
    faults = {}
    for (name, part), content in sorted(made.items()):
        if (name, "") not in found:
            faults[name] = f"{name} is missing"
        elif (name, part) not in found:
            faults.setdefault(name, f"{name} lacks the column {part}")
        elif found[name, part] != content:
            what = f"the column {part} is {found[name, part]}, not {content}" if part else "it is another query"
            faults.setdefault(name, f"{name} was altered: {what}")
    if faults:
        told = "; ".join(
            f"{fault} (made by {', '.join(_makers(name, is_table=name in tables))})"
            for name, fault in list(faults.items())[:SHOWN]
        )
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise SchemaRefusedError(
            f"{told}{more}. Stop the workers and run the statements of these files that name it again, with "
            "clickhouse-client; rows of a table that is gone come back only from a backup, or by folding the log into "
            "another database"
        )
    return len({name for name, _ in made})


def _parts(door: ClickHouse, query: str) -> dict[tuple[str, str], str]:
    return {(str(name), str(part)): str(content) for name, part, content in door.rows(query)}


@cache
def _available() -> list[migrations.Migration]:
    return migrations.available()


def _makers(name: str, *, is_table: bool = False) -> list[str]:
    """The migrations that make something as it is, in order: a view is made whole by the last one that speaks of it."""
    statement = re.compile(
        rf"\b(?:TABLE|VIEW|FUNCTION|TO)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?`?{re.escape(name)}\b", re.IGNORECASE
    )
    found = [
        f"{migration.number:04}_{migration.name}.sql"
        for migration in _available()
        if any(statement.search(text) for text in migration.statements)
    ]
    return found if is_table else found[-1:]
