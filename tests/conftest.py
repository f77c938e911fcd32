"""Real parts for the tests: the brokers and ClickHouse, a database and a topic of its own per test."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from tests.support.kafka import ApacheKafka
from tests.support.requirement import require
from tests.support.system import System

# A slow machine is no defect: nothing here is a timed test.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

INCIDENTS = Path(__file__).parents[2] / "shared" / "data" / "incidents.ndjson.gz"


Kafka = EmbeddedKafka | ApacheKafka


@pytest.fixture(scope="session", params=["embedded broker", "Apache Kafka"])
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    directory = tmp_path_factory.mktemp("kafka")
    if request.param == "Apache Kafka":
        with ApacheKafka(directory) as apache:
            yield apache
    else:
        with EmbeddedKafka(log_directory=directory) as embedded:
            yield embedded


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    data = tmp_path_factory.mktemp("clickhouse")
    with EmbeddedClickHouse(data, log_directory=data) as started:
        yield started


@pytest.fixture
def system(kafka: Kafka, clickhouse: EmbeddedClickHouse, tmp_path: Path) -> Iterator[System]:
    """A migrated database, a topic name, and workers on them that end with the test."""
    name = f"test_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    found = System(kafka.bootstrap, clickhouse.url, topic=name, database=name, directory=tmp_path)
    try:
        yield found
    finally:
        found.stop()
        server = ClickHouse(clickhouse.url, "")
        server.execute(f"DROP DATABASE {name}")
        server.close()


@pytest.fixture
def incidents() -> Path:
    """49,498 events of 10,414 real service conversations."""
    require(INCIDENTS.exists(), "../shared/data/incidents.ndjson.gz lies beside the project")
    return INCIDENTS
