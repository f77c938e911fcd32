"""Fixtures: a server of the embedded ClickHouse for this folder, an empty table and a client per test."""

import importlib.util
import time
from collections.abc import Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import ask
from tests.support.requirement import require


@pytest.fixture(scope="package", autouse=True)
def _engine() -> None:
    require(importlib.util.find_spec("chdb") is not None, "the package chdb (extra `embedded`)")


@pytest.fixture(scope="package")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    directory = tmp_path_factory.mktemp("front")
    with EmbeddedClickHouse(directory / "data", log_directory=directory) as running:
        yield running


@pytest.fixture
def table(front: EmbeddedClickHouse) -> Iterator[str]:
    """Create an empty table (a, b) in two partitions by `a % 2`; drop it afterwards."""
    name = f"t_{time.monotonic_ns()}"
    ask(front, f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree PARTITION BY a % 2 ORDER BY a")
    yield name
    ask(front, f"DROP TABLE {name}")


@pytest.fixture
def client(front: EmbeddedClickHouse) -> Iterator[Client]:
    connected = clickhouse_connect.get_client(host="127.0.0.1", port=front.port, password=front.password)
    yield connected
    connected.close()
