"""A worker starts, waits or refuses to start, with instructions, and then reports liveness and progress."""

import asyncio
import gc
import signal
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from pipeline.errors import KafkaUnavailableError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.consumer import GroupConsumer
from pipeline.kafka.producer import Publisher
from tests.support.kafka import Kafka
from tests.support.records import FORTY_OPENED
from tests.support.system import PARTITIONS, System, wait_for


def test_a_worker_without_migrations_names_the_command_to_run(
    kafka: Kafka, clickhouse: EmbeddedClickHouse, tmp_path: Path
) -> None:
    system = System(kafka.bootstrap, clickhouse.url, "unmigrated", "nowhere", tmp_path)
    worker = system.start_worker()
    assert worker.wait(timeout=60) == 2
    assert "run: sichtflug migrate" in system.log()
    # Only that is reported as wrong; checks that need the tables are left open.
    findings = [line.split(":")[0] for line in system.run("check").stdout.splitlines() if not line.startswith("ok ")]
    assert findings == ["wrong migrations", "open  rules", "open  log"]
    system.stop()


def test_a_worker_that_starts_before_kafka_reports_it_and_folds_once_kafka_is_up(system: System) -> None:
    with EmbeddedKafka() as broker:
        system.bootstrap = system.environment["SICHTFLUG_KAFKA_BOOTSTRAP"] = broker.bootstrap
        broker.kill()
        system.start_worker()
        absent = f"Kafka at {broker.bootstrap} does not answer within 5 s"
        wait_for(lambda: absent in system.log(), 30, system.log)
        broker.start()
        KafkaAdmin(broker.bootstrap).ensure_topic(system.topic, PARTITIONS, 1)
        system.publish(FORTY_OPENED)
        system.wait_until_folded()
    assert system.books()["applied"] == len(FORTY_OPENED)
    assert "Metadata" not in system.log()


def test_a_worker_that_waits_for_kafka_stops_soon_on_a_signal(system: System) -> None:
    with EmbeddedKafka() as broker:
        broker.kill()
        worker = system.start_worker(kafka_bootstrap=broker.bootstrap)
        wait_for(lambda: "does not answer" in system.log(), 30, system.log)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0
    assert "stopped before the stages started" in system.log()


def test_a_progress_topic_with_several_partitions_is_refused(system: System) -> None:
    KafkaAdmin(system.bootstrap).ensure_topic(f"{system.topic}.panes", 2, 1)
    assert system.start_worker().wait(timeout=60) == 2
    refusal = f"expected 1 partition of the topic {system.topic}.panes, it has 2"
    assert refusal in system.log()
    assert refusal in system.run("check").stdout


def test_metrics_liveness_and_readiness_over_http(system: System) -> None:
    system.publish(FORTY_OPENED)
    system.start_worker(metrics_port="0")
    system.wait_until_folded()
    address = system.log().partition("metrics on ")[2].partition("/metrics")[0]

    def get(path: str) -> str:
        try:
            with urllib.request.urlopen(f"{address}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"

    assert get("/livez") == "ok\n"
    # The interactions are folded, the customers may still wait for their group.
    waiting = "503 customers: waiting for the group to assign partitions, or restoring them\n"
    wait_for(lambda: get("/readyz") in (waiting, "ok\n"), 1)
    wait_for(lambda: get("/readyz") == "ok\n", 20)
    wait_for(lambda: sum_of(get("/metrics"), "sichtflug_applied_records") == 40, 10)
    text = get("/metrics")
    assert sum_of(text, "sichtflug_consumed_records") == 40
    assert sum_of(text, "sichtflug_lag_records") == 0
    assert sum_of(text, "sichtflug_open_conversations") == 40
    assert sum_of(text, "sichtflug_freshness_seconds_count") >= 1


def sum_of(metrics: str, name: str) -> float:
    return sum(
        float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith((f"{name}{{", f"{name} "))
    )


# The client's thread leaves its event loop open if it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_worker_waits_for_a_kafka_that_goes_away_while_it_joins() -> None:
    """Between its first look at the topics and its membership: nothing listens at this port."""

    async def join() -> None:
        with pytest.raises(KafkaUnavailableError, match="does not answer"):
            await Publisher("127.0.0.1:9").start()
        handler: Any = SimpleNamespace()
        consumer = GroupConsumer("group", "127.0.0.1:9", "topic", 10.0, handler)
        with pytest.raises(KafkaUnavailableError, match="does not answer"):
            await consumer._start()
        # The next attempt starts over: a Faust app that could not connect cannot be restarted.
        first = consumer._app
        with pytest.raises(KafkaUnavailableError, match="does not answer"):
            await consumer._start()
        assert consumer._app is not first

    asyncio.run(join())
    gc.collect()
