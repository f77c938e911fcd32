"""ClickHouse unavailable at full load: how the workers behave meanwhile, as a program for any duration."""

import secrets
import subprocess
import time
from typing import NamedTuple

import psutil

from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.simulation.traffic import simulate
from tests.support.system import System, wait_for

MEBIBYTE = 1 << 20


class Outage(NamedTuple):
    """The observations. Memory is that of all workers, in MiB: before, and the maxima of the first and second half.

    `assignment_count`: how often the group assigned partitions during the outage.
    """

    memory_before: float
    memory_first_half: float
    memory_second_half: float
    assignment_count: int
    catch_up_seconds: float

    def failures(self) -> list[str]:
        """Return every observation that is out of bounds."""
        found = []
        if self.memory_second_half > 1.1 * self.memory_first_half:
            found.append(f"memory grows: {self}")
        if self.assignment_count:
            found.append(f"the group assigned partitions anew: {self}")
        return found


def begin_with_two_workers(system: System) -> list[subprocess.Popen[bytes]]:
    """Start two workers that both have partitions and have folded something."""
    workers = [system.start_worker()]
    flood(system, 3_000)
    system.wait_until_folded()
    workers.append(system.start_worker())
    # The first one assigns twice, the second one once.
    wait_for(lambda: assignment_count(system) == 3, 60, system.log)
    system.wait_until_folded()
    return workers


def outage(system: System, clickhouse: EmbeddedClickHouse, seconds: float, record_count: int) -> Outage:
    """Take ClickHouse away, send `record_count` records at once, wait, then let the workers catch up.

    The workers of `system` must be folding already. Raises AssertionError if they do not catch up.
    """
    before, assignments = memory(system), assignment_count(system)
    clickhouse.kill()
    flood(system, record_count)
    began_at = time.monotonic()
    first_half = watch_memory(system, began_at + seconds / 2)
    second_half = watch_memory(system, began_at + seconds)
    assignments = assignment_count(system) - assignments
    clickhouse.start()
    back_at = time.monotonic()
    system.wait_until_folded(120 + record_count / 2_000)
    return Outage(before, first_half, second_half, assignments, time.monotonic() - back_at)


def flood(system: System, record_count: int) -> None:
    """Publish simulated events as fast as one producer can."""
    producer = system.librdkafka_producer()
    start_ms = time.time_ns() // 1_000_000 - 3_600_000
    traffic = simulate(99, 500.0, start_ms, follows_the_day=False, speedup=60.0, id_prefix=secrets.token_hex(3))
    for number, item in zip(range(record_count), traffic, strict=False):
        producer.produce(system.topic, item.value, item.key)
        if number % 1_000 == 0:
            producer.poll(0)
            while len(producer) > 500_000:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def memory(system: System) -> float:
    """Return the resident memory of all workers in MiB."""
    return sum(psutil.Process(worker.pid).memory_info().rss for worker in system.workers) / MEBIBYTE


def watch_memory(system: System, until: float) -> float:
    """Return the maximum until then in MiB."""
    highest = 0.0
    while time.monotonic() < until:
        highest = max(highest, memory(system))
        time.sleep(0.5)
    return highest


def assignment_count(system: System) -> int:
    """Return how often the interactions group has assigned partitions; members that leave or are evicted add to it."""
    return system.log().count(f" INFO {system.topic}: generation ")
