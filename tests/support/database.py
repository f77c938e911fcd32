"""Databases for tests."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse

#: A Native block of one column and row: `a UInt8`, 1.
ONE_ROW = b"\x01\x01\x01a\x05UInt8\x01"


class Databases:
    """Migrated databases of one server, lent one after another: migrating one takes 1.7 s, emptying one 0.13 s.

    A database whose tables, views or notes a test has changed is dropped.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        #: Each with its definition.
        self._free: list[tuple[str, str]] = []

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Yield the name of an empty migrated database. Whoever writes to it must have ended before the block ends."""
        name, definition = self._free.pop() if self._free else self._new()
        try:
            yield name
        finally:
            if self._empty(name, definition):
                self._free.append((name, definition))

    def _new(self) -> tuple[str, str]:
        name = f"test_{secrets.token_hex(4)}"
        migrations.migrate(self.url, name)
        with ClickHouse(self.url, name) as client:
            return name, _definition(client)

    def _empty(self, name: str, definition: str) -> bool:
        """Empty a database, and return whether it is as it was made; drop it otherwise."""
        with ClickHouse(self.url, "") as server, ClickHouse(self.url, name) as client:
            if _definition(client) != definition:
                server.execute(f"DROP DATABASE {name}")
                return False
            # Inserts of a killed worker may still be waiting, one after another: under this name they find no table.
            server.execute(f"RENAME DATABASE {name} TO {name}_away")
            server.insert("FUNCTION null('a UInt8')", ["a"], ONE_ROW, 1, "")
            server.execute(f"RENAME DATABASE {name}_away TO {name}")
            for (table,) in client.rows(
                f"SELECT DISTINCT table FROM system.parts WHERE database = '{name}' AND active "
                "AND table NOT IN ('migrations', 'schema_parts')"
            ):
                client.execute(f"TRUNCATE TABLE {table}")
            return True


def _definition(client: ClickHouse) -> str:
    """Return a digest of everything that a migration makes, and of what it notes."""
    [(digest,)] = client.rows(
        "SELECT hex(cityHash64(groupArray((name, definition)))) FROM (SELECT name, definition FROM ("
        "SELECT name, create_table_query AS definition FROM system.tables WHERE database = currentDatabase() "
        "UNION ALL SELECT name, create_query FROM system.functions WHERE origin = 'SQLUserDefined' "
        "UNION ALL SELECT 'migrations', toString(count()) FROM migrations "
        "UNION ALL SELECT 'schema_parts', toString(count()) FROM schema_parts) ORDER BY name, definition)"
    )
    return str(digest)
