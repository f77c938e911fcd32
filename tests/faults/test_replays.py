"""A replay gives identical rows, whatever its speed, the number of workers and the order of partitions."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.faults.replays import WAYS, drop, follow, system_for, write_events
from tests.support.kafka import ApacheKafka
from tests.support.same_databases import assert_same_databases
from tests.support.system import System

DAYS, EVENTS = 60, 500


@pytest.fixture
def systems(kafka: ApacheKafka, clickhouse: EmbeddedClickHouse, tmp_path: Path) -> Iterator[list[System]]:
    """Yield a topic and a database for each way of replaying."""
    names = [f"replayed_{way.__name__}" for way in WAYS]
    found = [system_for(kafka.bootstrap, clickhouse.url, name, tmp_path) for name in names]
    yield found
    drop(found)


# The embedded broker assigns partitions to members that have left.
@pytest.mark.timeout(1_800)
@pytest.mark.apache_kafka
def test_every_table_and_view_is_the_same_after_each_way_of_replaying_months_of_events(
    systems: list[System], tmp_path: Path, incidents: Path
) -> None:
    file = tmp_path / "events.ndjson"
    count = write_events(file, seed=17, days=DAYS, count=EVENTS, others=incidents)
    assert count > EVENTS
    for system, way in zip(systems, WAYS, strict=True):
        follow(system, way, file, Random(17))
        assert system.books()["consumed"] == count
        # The comparison is not empty: customers returned, and most of their minutes are long past.
        [[repeats]] = system.client.rows("SELECT sum(repeat_within_week_count) FROM repeat_contacts_by_day")
        assert repeats > 3
        assert assert_same_databases(system.client, system, systems[0]) > 40
