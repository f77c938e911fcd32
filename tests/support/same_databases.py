"""Row-by-row comparison of every table and view of two databases.

What is left out, and why, is listed in `WHEN_WRITTEN`, `NOT_OF_THE_LOG`, `OF_THE_PACE` and `COUNTED_PER_RECORD`: all
else that a database has is compared, including later additions.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.clickhouse.client import ClickHouse
from tests.support.system import System

#: Columns that depend on when something was sent, written or observed, not on what the events say.
WHEN_WRITTEN = frozenset(
    {
        # Identifies the flush that wrote the row.
        "revision",
        # The broker's time of a record.
        "ingested_at",
        "broker_at",
        "rejected_at",
        "inserted_at",
        "applied_at",
        # Advances with the minutes evaluated, even after the last event.
        "settled",
    }
)
#: Tables about the processes and the migrations, which do not depend on the log.
NOT_OF_THE_LOG = frozenset({"workers", "schema_parts"})
#: What was known when a minute was evaluated, which depends on the pace: `rolling_at` gives the same numbers for any
#: past minute, and is compared.
OF_THE_PACE = frozenset(
    {"rolling", "rolling_revisions", "rolling_rates", "rolling_checkpoints", "spikes", "spike_revisions"}
)
#: Customer facts are split into records arbitrarily, and sent again after a kill.
COUNTED_PER_RECORD = ("next_offset", "last_offset", "last_record_hash", "consumed_count", "duplicate_count")
PARAMETER = re.compile(r"\{(\w+):\s*(\w+)")
DIFFERENCES_SHOWN = 4
SHOWN_CHARACTERS = 400


def assert_same_databases(client: ClickHouse, found: System, wanted: System) -> int:
    """Assert that all rows of all tables and views are the same; return the number of relations compared."""
    relations = relations_of(client, wanted.database)
    assert relations == relations_of(client, found.database)
    all_queries = [query for name in relations for query in queries(client, wanted.database, name)]
    for query in all_queries:
        in_found, in_wanted = (client.raw(of_system(query, system), "TabSeparated") for system in (found, wanted))
        if in_found != in_wanted:
            shown = differences(client, query.replace(FINGERPRINT, ROWS), found, wanted)
            raise AssertionError(f"{query}\n{found.database}: {in_found!r}, {wanted.database}: {in_wanted!r}\n{shown}")
    return len(relations)


FINGERPRINT = "count(), sum(cityHash64(row))"
ROWS = "row"


def relations_of(client: ClickHouse, database: str) -> list[str]:
    """Return the tables and views that are a function of the log."""
    rows = client.rows(
        f"SELECT name FROM system.tables WHERE database = '{database}' AND name NOT LIKE '.%' ORDER BY 1"
    )
    return [str(name) for (name,) in rows if name not in NOT_OF_THE_LOG | OF_THE_PACE]


def queries(client: ClickHouse, database: str, name: str) -> Iterator[str]:
    """Return the queries over a relation, with `{database}` and `{log}` to be filled in."""
    engine, made = client.rows(
        f"SELECT engine, create_table_query FROM system.tables WHERE database = '{database}' AND name = '{name}'"
    )[0]
    final = " FINAL" if str(engine).startswith("Replacing") else ""
    parameters = PARAMETER.findall(str(made))
    for arguments in arguments_for(client, database, [parameter for parameter, _ in dict(parameters).items()]):
        source = f"{{database}}.{name}{arguments}"
        if arguments:
            columns = [str(row[0]) for row in client.rows(f"DESCRIBE (SELECT * FROM {database}.{name}{arguments})")]
        else:
            rows = client.rows(f"SELECT name FROM system.columns WHERE database = '{database}' AND table = '{name}'")
            columns = [str(row[0]) for row in rows]
        kept = [column for column in columns if column not in WHEN_WRITTEN]
        shown = ", ".join(shown_as(column, name) for column in kept)
        # As text: the hash of a null is null, which a sum ignores.
        yield f"SELECT {FINGERPRINT} FROM (SELECT toString(tuple({shown})) AS row FROM {source}{final})"


def arguments_for(client: ClickHouse, database: str, names: Sequence[str]) -> list[str]:
    """Return some instants of the log for a view with parameters; otherwise nothing."""
    if not names:
        return [""]
    [[latest]] = client.rows(f"SELECT toUnixTimestamp(latest) FROM {database}.watermarks")
    found = []
    for back_seconds in (0, 3 * 3600, 3 * 86_400, 40 * 86_400):
        end = (int(latest) - back_seconds) // 60 * 60
        instants = dict.fromkeys(names, end)
        # The first of two is the start of a period.
        if len(names) > 1:
            instants[names[0]] = end - 7 * 86_400
        found.append("(" + ", ".join(f"{name} = toDateTime({at}, 'UTC')" for name, at in instants.items()) + ")")
    return found


def shown_as(column: str, relation: str) -> str:
    if column == "log":
        return "replaceOne(log, '{log}', '')"
    if column in COUNTED_PER_RECORD and relation == "ledger":
        return f"if(kind = 'checkpoint' AND stage = 'customers', 0, {column})"
    if column in COUNTED_PER_RECORD and relation == "customer_checkpoints":
        return "''"
    return f"`{column}`"


def of_system(query: str, system: System) -> str:
    return query.replace("{database}", system.database).replace("{log}", system.topic)


def differences(client: ClickHouse, query: str, found: System, wanted: System) -> str:
    """Return some rows that only one of two databases has."""
    in_found, in_wanted = (
        Counter(client.raw(of_system(query, system), "TabSeparated").splitlines()) for system in (found, wanted)
    )
    shown = []
    for system, only in ((found, in_found - in_wanted), (wanted, in_wanted - in_found)):
        lines = "\n".join(line.decode()[:SHOWN_CHARACTERS] for line in sorted(only)[:DIFFERENCES_SHOWN])
        shown.append(f"{only.total()} rows only in {system.database}:\n{lines}")
    return "\n".join(shown)
