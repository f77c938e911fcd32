"""From Kafka to the views: the numbers equal a batch computation over the same log."""

import random
import signal
import threading
import time
from itertools import count
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.commands.replay import lines
from tests.faults.mutants import wrong_worker
from tests.oracle import Oracle, read_records
from tests.support.rows import COLUMNS
from tests.support.system import PARTITIONS, System, wait_for
from tests.support.traffic import live_records


def test_a_year_of_real_incidents_equals_the_batch_computation_even_if_sent_twice(
    system: System, incidents: Path
) -> None:
    system.start_worker()
    assert system.run("replay", str(incidents), "--speed", "max").returncode == 0
    system.wait_until_folded()
    oracle = Oracle(read_records(incidents))
    system.assert_equals(oracle)
    assert system.books()["applied"] == 49_498

    assert system.run("replay", str(incidents), "--speed", "max").returncode == 0
    system.wait_until_folded()
    system.assert_equals(oracle)
    assert system.books() == {
        "consumed": 98_996,
        "applied": 49_498,
        "duplicate": 49_498,
        "rejected": 0,
        "late": 0,
        "ignored": 0,
    }


def test_simulated_traffic_with_every_flaw_equals_the_batch_computation(system: System) -> None:
    system.start_worker()
    system.publish(live_records(seed=3, number=20_000))
    system.wait_until_folded()
    system.assert_equals(system.oracle(), COLUMNS)


@pytest.mark.timeout(1_800)
@pytest.mark.apache_kafka
def test_twenty_kills_at_random_moments_neither_lose_nor_double_anything(system: System) -> None:
    chance = random.Random(20)
    enough = threading.Event()
    published = threading.Thread(target=trickle, args=(system, enough))
    published.start()
    try:
        for _ in range(20):
            before = system.positions()
            # Flushing constantly, so that many kills hit the middle of a flush.
            worker = system.start_worker(flush_seconds="0.05")
            wait_for(lambda: system.positions() != before, 60, system.log)  # noqa: B023
            time.sleep(chance.uniform(0.0, 0.6))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
    finally:
        enough.set()
        published.join()
    system.start_worker()
    system.wait_until_folded()
    system.assert_equals(system.oracle())


def trickle(system: System, enough: threading.Event) -> None:
    """Publish records a few at a time, until there are enough."""
    for seed in count(7):
        records = live_records(seed, number=10_000)
        for start in range(0, len(records), 400):
            if enough.wait(1.0):
                return
            system.publish(records[start : start + 400])


@pytest.mark.both_brokers("offsets")
def test_a_bug_in_the_fold_ends_the_process_and_skips_nothing(system: System) -> None:
    system.publish(live_records(seed=13, number=5_000))
    worker = system.start(wrong_worker(bug_after=500))
    assert worker.wait(timeout=60) == 70
    assert "ZeroDivisionError: a bug in the fold" in system.log()
    assert sum(system.positions().values()) < 5_000
    system.start_worker()
    system.wait_until_folded()
    system.assert_equals(system.oracle())


@pytest.mark.both_brokers("rebalance")
def test_several_workers_share_the_partitions_and_a_stopped_one_hands_over(system: System) -> None:
    first = system.start_worker()
    system.publish(live_records(seed=17, number=4_000))
    system.start_worker()
    system.publish(live_records(seed=18, number=4_000))
    system.wait_until_folded()
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=30) == 0
    system.publish(live_records(seed=19, number=4_000))
    system.wait_until_folded()
    system.assert_equals(system.oracle())


@pytest.mark.both_brokers("rebalance")
def test_a_rebalance_reuses_unchanged_partitions_and_restores_the_others(system: System) -> None:
    system.publish(live_records(seed=27, number=4_000))
    system.start_worker()
    system.wait_until_folded()
    second = system.start_worker()
    # Each of the two logs once what it owns. The first does not read again what it keeps.
    wait_for(lambda: system.log().count(": still holding") == PARTITIONS / 2, 60, system.log)
    system.publish(live_records(seed=28, number=4_000))
    system.wait_until_folded()
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=30) == 0
    wait_for(lambda: system.log().count(": still holding") == PARTITIONS, 60, system.log)
    system.publish(live_records(seed=29, number=4_000))
    system.wait_until_folded()
    # At first all four, then two by the second, and two again after it left.
    assert system.log().count(": restored") == PARTITIONS + PARTITIONS / 2 + PARTITIONS / 2
    system.assert_equals(system.oracle())


def test_records_of_every_compression_and_client_are_read(system: System, incidents: Path) -> None:
    import asyncio

    file = list(lines(incidents))[:2_500]
    keyed = [(line.partition(b'"subject":"')[2].partition(b'"')[0], line) for line in file]
    for number, codec in enumerate(("lz4", "zstd", "snappy", "gzip")):
        system.publish(keyed[number * 500 : (number + 1) * 500], compression_type=codec)

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=system.bootstrap, compression_type="zstd")
        await producer.start()
        for key, value in keyed[2_000:]:
            await producer.send_and_wait(system.topic, key=key, value=value)
        await producer.stop()

    asyncio.run(send())
    system.start_worker()
    system.wait_until_folded()
    assert system.books()["applied"] == 2_500
    system.assert_equals(system.oracle())
