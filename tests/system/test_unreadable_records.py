"""A record that the client library cannot read ends no worker: it is read another way, or becomes a raw dead letter."""

import time

import pytest

from pipeline.embedded.servers import EmbeddedKafka
from tests.support.kafka import Kafka
from tests.support.raw_produce import produce
from tests.support.record_batches import batch, body, framed
from tests.support.records import encoded
from tests.support.system import System


class Latin1(str):
    """A header name sent in an encoding other than UTF-8."""

    def encode(self, *given: str) -> bytes:
        return super().encode("latin-1")


@pytest.mark.both_brokers("unreadable records")
def test_a_worker_skips_records_it_cannot_read_and_the_tools_show_them(system: System, kafka: Kafka) -> None:
    producer = system.producer()
    for number, headers in enumerate(([], [(Latin1("Stra\u00dfe"), b"v")], [])):
        producer.send(system.topic, encoded(id=f"h{number}"), b"k", headers, partition=0).get(30)
    rejected = producer.send(system.topic, b"no json", b"k", [(Latin1("Stra\u00dfe"), b"v")], partition=0).get(30)
    producer.close()
    letters = {rejected.offset: "not_json"}
    applied_count = 3
    if isinstance(kafka, EmbeddedKafka):
        # Apache Kafka validates what it stores, this broker does not.
        broken = framed(b"\xff" * 5)
        payload = framed(body(0, encoded(id="b0"))) + broken + framed(body(2, encoded(id="b2")))
        now_ms = time.time_ns() // 1_000_000
        base = produce(system.bootstrap, system.topic, 0, batch(payload, 3, codec="lz4", first_at=now_ms))
        letters[base + 1] = "unreadable"
        applied_count += 2
    system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    assert system.books() | {"late": 0} == {
        "consumed": applied_count + len(letters),
        "applied": applied_count,
        "duplicate": 0,
        "rejected": len(letters),
        "late": 0,
        "ignored": 0,
    }
    rows = system.client.rows("SELECT kafka_offset, reason FROM rejections FINAL")
    assert dict(rows) == letters
    shown = system.run("dead-letters", "show", "0", str(rejected.offset))
    assert "Stra\\xdfe: v" in shown.stdout
    if isinstance(kafka, EmbeddedKafka):
        shown = system.run("dead-letters", "show", "0", str(base + 1))
        assert "sichtflug-raw: 6" in shown.stdout
        assert "sent 0 dead letters" in system.run("dead-letters", "redrive", "--reason", "unreadable").stdout
    # The log is recognised even if its last record is unreadable.
    assert system.run("check").returncode == 0
    [worker] = system.workers
    worker.terminate()
    assert worker.wait(30) == 0
    system.start_worker(dead_letter_limit="1")
    system.publish([(b"k", encoded(id="last"))])
    system.wait_until_folded()
