"""Behaviour that needs Kafka's transactions, limits, and a log on disk."""

import asyncio
import random
import secrets
import signal
import sys
from hashlib import blake2b
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline.kafka.admin import KafkaAdmin
from tests.support.kafka import ApacheKafka
from tests.support.records import encoded
from tests.support.system import System, wait_for

pytestmark = pytest.mark.apache_kafka


def conversations(name: str, number: int) -> list[tuple[bytes, bytes]]:
    """Return records that open one conversation each."""
    return [
        (f"{name}-{index}".encode(), encoded(id=f"{name}-{index}", subject=f"{name}-{index}"))
        for index in range(number)
    ]


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
    # The records after the aborted ones are read, by this worker and by the next one.
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
    found = system.client.rows("SELECT conversation_id FROM conversation_facts")
    assert sorted(conversation for (conversation,) in found) == sorted(key.decode() for key, _ in kept)


def test_a_broker_killed_under_load_and_restarted_loses_nothing(system: System, kafka: ApacheKafka) -> None:
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


def test_a_topic_for_large_records_allows_large_dead_letters(system: System) -> None:
    set_largest(system, system.topic, 20 << 20)
    noise = random.Random(5).randbytes(10_000_000)
    system.publish([(b"k", noise), (b"k", encoded(id="g", subject="a"))], max_request_size=1 << 25)
    system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    assert (system.books()["applied"], system.books()["rejected"]) == (1, 1)
    [(_, letter)] = system.records(f"{system.topic}.dead-letter")
    assert letter.value == noise


def test_a_dead_letter_that_kafka_refuses_stops_the_worker_and_is_not_lost(system: System) -> None:
    letters = f"{system.topic}.dead-letter"
    KafkaAdmin(system.bootstrap).ensure_topic(letters, 1, 1, {"max.message.bytes": "100"})
    noise = random.Random(6).randbytes(5_000)
    system.publish([(b"k", noise), (b"k", encoded(id="g", subject="a"))])
    worker = system.start_worker(dead_letter_limit="1")
    assert worker.wait(timeout=60) == 2
    assert f"does not take 1 of 1 records for {letters}" in system.log()
    assert "Traceback" not in system.log()
    assert system.books()["consumed"] == 0

    set_largest(system, letters, 10_000)
    system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    assert (system.books()["applied"], system.books()["rejected"]) == (1, 1)
    assert [letter.value for _, letter in system.records(letters)] == [noise]


def test_a_dead_letter_too_large_for_its_topic_is_sent_without_its_value(system: System) -> None:
    letters = f"{system.topic}.dead-letter"
    KafkaAdmin(system.bootstrap).ensure_topic(letters, 1, 1, {"max.message.bytes": "2000"})
    noise = random.Random(7).randbytes(5_000)
    system.publish([(b"k", noise), (b"k", b"no json"), (b"k", encoded(id="g", subject="a"))])
    system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    assert (system.books()["applied"], system.books()["rejected"]) == (1, 2)
    stripped, whole = sorted((letter for _, letter in system.records(letters)), key=lambda letter: letter.value or b"")
    headers = dict(stripped.headers)
    assert (stripped.value, stripped.key, whole.value) == (None, b"k", b"no json")
    assert headers["sichtflug-value-bytes"] == b"5000"
    assert headers["sichtflug-value-hash"] == blake2b(noise, digest_size=32).hexdigest().encode()
    assert (headers["sichtflug-topic"], headers["sichtflug-offset"]) == (system.topic.encode(), b"0")
    # A redrive must not publish it as if its value were null.
    sent = system.run("dead-letters", "redrive").stdout
    assert f"sent 1 dead letter to {system.topic}" in sent
    assert "1 were too large for a dead letter" in sent


def test_redriven_letters_that_kafka_refuses_are_not_marked(system: System) -> None:
    system.publish([(b"k", b"no json %d" % number) for number in range(20)])
    worker = system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    worker.kill()
    set_largest(system, system.topic, 10)
    refused = system.run("dead-letters", "redrive")
    assert refused.returncode == 2
    assert f"not all records were acknowledged by {system.topic}" in refused.stderr
    assert "Traceback" not in refused.stderr
    set_largest(system, system.topic, 1 << 20)
    assert f"sent 20 dead letters to {system.topic}" in system.run("dead-letters", "redrive").stdout


def test_replay_and_simulate_report_that_their_last_records_were_refused(system: System, tmp_path: Path) -> None:
    system.run("simulate", "--seconds", "0.1")  # creates the topic
    set_largest(system, system.topic, 10)
    file = tmp_path / "one.ndjson"
    file.write_bytes(encoded(id="g", subject="a"))
    # The commands have sent everything before the refusal arrives.
    for command in (("replay", str(file)), ("simulate", "--seconds", "0.5", "--rate", "10")):
        refused = system.run(*command)
        assert refused.returncode == 2, refused.stdout
        assert f"not all records were acknowledged by {system.topic}" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_records_too_large_for_one_batch_are_sent_in_smaller_batches(system: System, tmp_path: Path) -> None:
    file = tmp_path / "many.ndjson"
    file.write_bytes(b"\n".join(encoded(id=secrets.token_hex(50), subject="a") for _ in range(60)))
    system.run("simulate", "--seconds", "0.1")
    before = sum(system.log_ends().values())
    set_largest(system, system.topic, 2_000)
    sent = system.run("replay", str(file))
    assert (sent.returncode, sent.stderr) == (0, "")
    assert sum(system.log_ends().values()) - before == 60


def set_largest(system: System, topic: str, size: int) -> None:
    """Set the largest batch of records that a topic accepts."""
    admin = KafkaAdminClient(bootstrap_servers=system.bootstrap)
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": str(size)})
    admin.alter_configs([resource])
    admin.close()
