"""A separate database for a test."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse

Client = TypeVar("Client", bound=ClickHouse)


@contextmanager
def migrated(url: str, prefix: str, connect: Callable[[str, str], Client]) -> Iterator[Client]:
    """Yield a client, made by `connect`, of a migrated database; close and drop them at the end."""
    name = f"{prefix}_{secrets.token_hex(4)}"
    migrations.migrate(url, name)
    client = connect(url, name)
    try:
        yield client
    finally:
        client.execute(f"DROP DATABASE {name}")
        client.close()


class Databases:
    """Migrated databases of one server, lent one after another: migrating takes the engine a second, emptying 50 ms.

    A database whose tables, views or notes a test has changed is dropped.
    """

    def __init__(self, url: str) -> None:
        self._url = url
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
        migrations.migrate(self._url, name)
        with ClickHouse(self._url, name) as client:
            return name, _definition(client)

    def _empty(self, name: str, definition: str) -> bool:
        """Empty a database, and return whether it is as it was made; drop it otherwise."""
        with ClickHouse(self._url, "") as server, ClickHouse(self._url, name) as client:
            if not server.rows(f"SELECT 1 FROM system.databases WHERE name = '{name}'"):
                return False
            if _definition(client) != definition:
                server.execute(f"DROP DATABASE {name}")
                return False
            # Inserts of a killed worker may still be waiting, one after another: under this name they find no table.
            server.execute(f"RENAME DATABASE {name} TO {name}_away")
            server.insert("FUNCTION null('a UInt8')", ["a"], _ONE_ROW, 1, "")
            server.execute(f"RENAME DATABASE {name}_away TO {name}")
            for (table,) in client.rows(
                f"SELECT DISTINCT table FROM system.parts WHERE database = '{name}' AND active "
                "AND table NOT IN ('migrations', 'schema_parts')"
            ):
                client.execute(f"TRUNCATE TABLE {table}")
            return True


#: A Native block of one column and row: `a UInt8`, 1.
_ONE_ROW = b"\x01\x01\x01a\x05UInt8\x01"


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
