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
