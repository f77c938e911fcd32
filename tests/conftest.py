"""Tiers and brokers of the tests, and fixtures on real systems: a database and a topic of its own per test.

A test belongs to the tier of its folder, and carries the tier's name as a mark:

    unit     only Python: no process, no socket; all of it within a minute on two cores (`make test-unit`)
    engine   the embedded ClickHouse, and programs that need nothing else (`make test-engine`)
    system   worker processes on a broker and ClickHouse, and what is deployed beside them
    faults   the same under kills, outages and wrong versions of the worker
    browser  Chromium on the page

A test is skipped, naming what the machine lacks; with `REQUIRE_ALL=1`, as in `.ci/run`, it fails instead.

A test that takes the fixture `kafka`, or one built on it (`system`, `shared_system`), runs on the embedded broker: it
starts in milliseconds and needs no installation. The test's subject decides whether that is enough:

    @pytest.mark.both_brokers("rebalance")   what a worker requires of any Kafka. These tests are the conformance set;
                                             each names its requirement (`CONFORMANCE`). They also run on Apache Kafka.
    @pytest.mark.apache_kafka                what only Apache Kafka has: transactions, timestamps of the broker's own,
                                             limits of topics, a log that outlives the broker. They run there alone.
    @pytest.mark.embedded_broker             what only the embedded broker does, or where the source of the records does
                                             not matter. They run there alone.

All others run on the embedded broker in `make test`, and on Apache Kafka where all is required: a change lands once all
its tests have passed there.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from tests.support import client_sockets
from tests.support.database import Databases
from tests.support.kafka import ApacheKafka, Kafka
from tests.support.requirement import is_all_required, require
from tests.support.system import System

# A slow machine is not a defect: no test here measures time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

client_sockets.install()

TESTS = Path(__file__).parent
INCIDENTS = TESTS.parents[1] / "shared" / "data" / "incidents.ndjson.gz"
EMBEDDED, APACHE = "embedded broker", "Apache Kafka"
#: A long test that begins last keeps one process busy while the others wait.
LONGEST_FIRST = ("faults", "system", "browser", "engine", "unit")
#: A file system in memory. Most of what an insert of a few rows costs on a disk (ext4: two thirds) is creating files.
MEMORY_DISK = Path("/dev/shm")
LEAST_FREE_BYTES = 2 << 30
#: What a worker requires of any Kafka; tests prove each on both brokers.
CONFORMANCE = frozenset(("rebalance", "restore", "offsets", "dead letters", "unreadable records"))


def pytest_configure() -> None:
    """Prepare the environment of all processes that tests start.

    Temporary directories, and so the data of ClickHouse and Kafka, lie in memory where there is room.
    """
    # Tests start hundreds of processes, each of which would compile every module again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if MEMORY_DISK.exists() and shutil.disk_usage(MEMORY_DISK).free >= LEAST_FREE_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_DISK))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by its folder, before tests are selected by mark, and run the longest tests first."""
    for item in items:
        item.add_marker(_tier(item))
    items.sort(key=lambda item: LONGEST_FIRST.index(_tier(item)))


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise a test by its brokers."""
    if "kafka" in metafunc.fixturenames:
        metafunc.parametrize("kafka", brokers_of(metafunc.definition), indirect=True)


def brokers_of(test: pytest.Item) -> list[str]:
    """Return the brokers that a test runs on."""
    if test.get_closest_marker("apache_kafka"):
        return [APACHE]
    if test.get_closest_marker("embedded_broker"):
        return [EMBEDDED]
    conformance = test.get_closest_marker("both_brokers")
    if conformance and conformance.args[0] not in CONFORMANCE:
        raise pytest.UsageError(f"{test.nodeid}: expected one of {sorted(CONFORMANCE)}, got {conformance.args[0]!r}")
    if conformance:
        return [EMBEDDED, APACHE]
    return [APACHE] if is_all_required() else [EMBEDDED]


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    directory = tmp_path_factory.mktemp("kafka")
    if request.param == APACHE:
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


@pytest.fixture(scope="session")
def database_pool(clickhouse: EmbeddedClickHouse) -> Databases:
    """Return the migrated databases that tests borrow."""
    return Databases(clickhouse.url)


@pytest.fixture
def system(kafka: Kafka, database_pool: Databases, tmp_path: Path) -> Iterator[System]:
    """Yield a migrated database, a topic name, and workers on them that end with the test."""
    with new_system(kafka, database_pool, tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared_system(kafka: Kafka, database_pool: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Yield a system that all tests of a module read, and none changes."""
    with new_system(kafka, database_pool, tmp_path_factory.mktemp("system")) as started:
        yield started


@contextmanager
def new_system(kafka: Kafka, database_pool: Databases, directory: Path) -> Iterator[System]:
    """Create a system, and end its workers at the end."""
    with database_pool.lent() as database:
        topic = f"test_{secrets.token_hex(4)}"
        created = System(kafka.bootstrap, database_pool.url, topic, database, directory)
        try:
            yield created
        finally:
            created.stop()


@pytest.fixture
def incidents() -> Path:
    """Return 49,498 events of 10,414 real service conversations."""
    require(INCIDENTS.exists(), "../shared/data/incidents.ndjson.gz lies beside the project")
    return INCIDENTS
