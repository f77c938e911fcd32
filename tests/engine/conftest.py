"""Fixture: a database of its own per test, on the embedded ClickHouse."""

from collections.abc import Iterator

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.database import migrated


@pytest.fixture
def client(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    with migrated(clickhouse.url, "engine", ClickHouse) as found:
        yield found
