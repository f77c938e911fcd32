"""Any number of workers gives the same rows, and the books in their metrics equal those in the rows."""

import re
import signal
import urllib.request
from collections.abc import Iterator

import pytest

from pipeline.clickhouse.client import ClickHouse
from tests.support.same_databases import assert_same_databases
from tests.support.system import System, wait_for
from tests.support.traffic import live_records

BOOK = re.compile(r'sichtflug_(consumed|applied|duplicate|rejected)_records\{partition="(\d+)"\} ([0-9.e+]+)')


@pytest.fixture
def databases(system: System) -> Iterator[list[System]]:
    """Create three databases for the same log."""
    systems = [system.on_database(f"{system.database}_{number}") for number in range(3)]
    yield systems
    server = ClickHouse(system.url, "")
    for system in systems:
        system.stop()
        server.execute(f"DROP DATABASE {system.database}")
    server.close()


# The embedded broker assigns partitions to members that have left.
@pytest.mark.apache_kafka
def test_one_two_and_four_workers_give_the_same_rows(system: System, databases: list[System]) -> None:
    system.publish(live_records(seed=81, number=6_000))
    oracle = system.oracle()
    for folding, count in zip(databases, (1, 2, 4), strict=True):
        workers = [folding.start_worker() for _ in range(count)]
        folding.wait_until_folded()
        for worker in workers:
            worker.terminate()
        # One of them may have been started so recently that Python was still importing.
        assert {worker.wait(60) for worker in workers} <= {0, -signal.SIGTERM}
        folding.assert_equals(oracle)
        assert_same_databases(system.client, folding, databases[0])


def test_the_books_in_the_metrics_equal_those_in_the_rows_even_after_a_kill(system: System) -> None:
    system.publish(live_records(seed=82, number=4_000))
    first = system.start_worker()
    system.wait_until_folded()
    first.kill()
    first.wait()
    # They have nothing to fold, and expose what the ledger holds.
    for _ in range(2):
        system.start_worker(metrics_port="0")
    wait_for(lambda: books_in_metrics(system) == books_in_rows(system), 60, lambda: str(books_in_metrics(system)))
    system.publish(live_records(seed=83, number=4_000))
    system.wait_until_folded()
    wait_for(lambda: books_in_metrics(system) == books_in_rows(system), 10, lambda: str(books_in_metrics(system)))
    books = books_in_rows(system)
    for partition, end in system.log_ends().items():
        applied, duplicate, rejected = (books[name, partition] for name in ("applied", "duplicate", "rejected"))
        assert books["consumed", partition] == end == applied + duplicate + rejected


def books_in_metrics(system: System) -> dict[tuple[str, int], int]:
    """Return the sums over all workers; a partition is in the metrics of its owner alone."""
    found: dict[tuple[str, int], int] = {}
    for address in re.findall(r"metrics on (\S+)", system.log()):
        with urllib.request.urlopen(address, timeout=10) as answer:
            shown = BOOK.findall(answer.read().decode())
        books = {(name, int(partition)): int(float(count)) for name, partition, count in shown}
        assert not books.keys() & found.keys()
        found |= books
    return found


def books_in_rows(system: System) -> dict[tuple[str, int], int]:
    names = ("consumed", "applied", "duplicate", "rejected")
    columns = ", ".join(f"{name}_count" for name in names)
    rows = system.client.rows(f"SELECT kafka_partition, {columns} FROM checkpoints")
    return {
        (name, int(partition)): int(count)
        for partition, *counts in rows
        for name, count in zip(names, counts, strict=True)
    }
