"""What only a Kafka that keeps its log on disk and knows transactions can show."""

import asyncio
import signal
import sys

import pytest
from aiokafka import AIOKafkaProducer
from test_bad_input import encoded

from apache_kafka import ApacheKafka
from system_support import System, wait_for

pytestmark = pytest.mark.parametrize("kafka", ["Apache Kafka"], indirect=True)


def conversations(name: str, number: int) -> list[tuple[bytes, bytes]]:
    """Records that open a conversation each."""
    return [(f"{name}-{one}".encode(), encoded(id=f"{name}-{one}", subject=f"{name}-{one}")) for one in range(number)]


def test_records_of_aborted_transactions_are_not_counted(system: System) -> None:
    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=system.bootstrap, transactional_id=system.topic) as producer:
            for name, is_kept in (("first", True), ("aborted", False), ("second", True), ("aborted too", False)):
                await producer.begin_transaction()
                for key, value in conversations(name, 50):
                    await producer.send(system.topic, key=key, value=value)
                await producer.flush()
                await (producer.commit_transaction() if is_kept else producer.abort_transaction())

    asyncio.run(send())
    kept = conversations("first", 50) + conversations("second", 50)
    worker = system.start_worker()
    wait_for(lambda: system.books()["consumed"] >= 100, 60, system.log)
    # What comes after the aborted ones is read, by this worker and by the next one.
    system.publish(conversations("third", 50))
    wait_for(lambda: system.books()["consumed"] >= 150, 60, system.log)
    worker.kill()
    system.start_worker()
    system.publish(conversations("fourth", 50))
    wait_for(lambda: system.books()["consumed"] >= 200, 60, system.log)
    kept += conversations("third", 50) + conversations("fourth", 50)
    assert system.books() == {
        "consumed": 200,
        "applied": 200,
        "duplicate": 0,
        "rejected": 0,
        "late": 0,
        "ignored": 0,
    }
    found = system.door.rows("SELECT conversation_id FROM conversation_facts")
    assert sorted(conversation for (conversation,) in found) == sorted(key.decode() for key, _ in kept)


def test_a_broker_killed_under_load_and_started_again_loses_nothing(system: System, kafka: ApacheKafka) -> None:
    workers = [system.start_worker(), system.start_worker()]
    customers = system.start([sys.executable, "-m", "pipeline.cli", "simulate", "--rate", "300", "--seed", "9"])
    for number in range(3):
        before = sum(system.positions().values())
        wait_for(lambda: sum(system.positions().values()) > before + 1_000, 90, system.log)  # noqa: B023
        if number < 2:
            kafka.kill()
            kafka.start()
    customers.send_signal(signal.SIGINT)
    assert customers.wait(timeout=30) == 0
    system.wait_until_folded()
    assert [worker.poll() for worker in workers] == [None, None]
    system.assert_equals(system.oracle())
