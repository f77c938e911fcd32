"""A log that is not the one checkpointed is refused until a new epoch begins."""

import signal
from pathlib import Path

from pipeline.commands.epoch import begin_epoch
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from pipeline.kafka.admin import KafkaAdmin
from tests.support.records import FORTY_OPENED, encoded
from tests.support.system import PARTITIONS, System, wait_for


def test_a_recreated_topic_is_refused_until_a_new_epoch_continues_its_conversations(
    clickhouse: EmbeddedClickHouse, system: System, tmp_path: Path
) -> None:
    with EmbeddedKafka() as broker:
        system.bootstrap = broker.bootstrap
        system.environment["SICHTFLUG_KAFKA_BOOTSTRAP"] = broker.bootstrap
        KafkaAdmin(broker.bootstrap).ensure_topic(system.topic, PARTITIONS, 1)
        system.publish(FORTY_OPENED)
        worker = system.start_worker()
        system.wait_until_folded()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0

        broker.kill()
        broker.start()
        KafkaAdmin(broker.bootstrap).ensure_topic(system.topic, PARTITIONS, 1)
        worker = system.start_worker()
        assert worker.wait(timeout=60) == 2
        assert f"run: sichtflug epoch --topic {system.topic}" in system.log()

        dry = system.run("epoch", "--topic", system.topic, "--why", "test", "--dry-run")
        assert f"would begin epoch 2 of {system.topic}[0] at offset 0" in dry.stdout
        assert "began epoch 2" in system.run("epoch", "--topic", system.topic, "--why", "test").stdout
        # The same events again are duplicates, a departure finds its conversation open.
        system.publish([*FORTY_OPENED, (b"a", encoded(id="new", subject="c0", type="conversation.resolved"))])
        system.start_worker()
        wait_for(lambda: sum(system.positions().values()) == len(FORTY_OPENED) + 1, 60, system.log)
        facts = dict(system.client.rows("SELECT state, count() FROM conversation_facts GROUP BY state"))
        assert facts == {"open": 39, "resolved": 1}
        open_count = system.client.rows(
            "SELECT sum(open_count) FROM backlog_by_day WHERE day = (SELECT max(day) FROM backlog_by_day)"
        )
        assert open_count == [(39,)]
        books = system.client.rows("SELECT sum(applied_count), sum(duplicate_count) FROM checkpoints WHERE epoch = 2")
        assert books == [(1, 40)]


def test_an_epoch_with_another_number_of_partitions_is_refused(system: System) -> None:
    system.publish(FORTY_OPENED)
    worker = system.start_worker()
    system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=30)
    with EmbeddedKafka() as other:
        KafkaAdmin(other.bootstrap).ensure_topic(system.topic, PARTITIONS + 1, 1)
        found = system.run("epoch", "--topic", system.topic, "--why", "more", kafka_bootstrap=other.bootstrap)
    assert found.returncode == 2
    assert "the ledger was written with 4 partitions, the topic has 5" in found.stderr


def test_an_epoch_of_an_unknown_topic_writes_nothing(system: System) -> None:
    assert begin_epoch(system.client, KafkaAdmin(system.bootstrap), "never_seen", "test", 1) == []
