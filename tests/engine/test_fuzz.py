"""No record, no rule and no forged record raises anywhere between the log and the rows."""

import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.engine.fuzz import run_pass


@pytest.fixture(scope="module")
def database(clickhouse: EmbeddedClickHouse) -> Iterator[tuple[str, str]]:
    name = f"fuzz_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    yield clickhouse.url, name
    server = ClickHouse(clickhouse.url, "")
    server.execute(f"DROP DATABASE {name}")
    server.close()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9))
def test_every_record_is_applied_a_duplicate_or_a_rejection(database: tuple[str, str], seed: int) -> None:
    found = run_pass(seed, *database, count=300)
    assert found.consumed == 300 == found.applied + found.duplicate + found.rejected
    assert found.stored == found.applied
    assert found.letters == found.rejected
