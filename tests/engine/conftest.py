"""Fixture: a database of its own per test, on the embedded ClickHouse."""

from collections.abc import Iterator

import pytest

from pipeline.clickhouse.client import ClickHouse
from tests.support.database import Databases


@pytest.fixture
def client(database_pool: Databases) -> Iterator[ClickHouse]:
    with database_pool.lent() as name, ClickHouse(database_pool.url, name) as found:
        yield found
