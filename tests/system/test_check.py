"""`sichtflug check` reports an unreachable Kafka quickly, waits for a slow one, and reports altered tables."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from pipeline.clickhouse import schema
from pipeline.embedded.servers import EmbeddedKafka
from pipeline.errors import SchemaRefusedError
from tests.support.system import System


@contextmanager
def refusing() -> Iterator[int]:
    """Return a port on which nothing listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@contextmanager
def silent() -> Iterator[int]:
    """Open a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("kafka_port", [refusing, silent])
def test_check_soon_reports_that_kafka_does_not_answer_and_checks_the_rest(
    system: System, kafka_port: Callable[[], AbstractContextManager[int]]
) -> None:
    with kafka_port() as port:
        found = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "check"],
            env=system.environment | {"SICHTFLUG_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}"},
            capture_output=True,
            text=True,
            timeout=40,
            cwd=system.directory,
            check=False,
        )
    assert found.returncode == 1
    wrong = f"Kafka at 127.0.0.1:{port} does not answer within 10 s; is it running, and is the address right?"
    lines = found.stdout.splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith("ok ")] == ["wrong Kafka", "open  log"]
    assert f"wrong Kafka: {wrong}" in lines
    assert "ok    ClickHouse" in found.stdout
    assert found.stderr == ""


def test_a_kafka_that_starts_after_ten_seconds_is_found_within_five_more() -> None:
    with refusing() as port:
        pass
    # In a separate process, because kafka-python leaves refused sockets to the garbage collector.
    ask = f"from pipeline.kafka.admin import KafkaAdmin; print(KafkaAdmin('127.0.0.1:{port}').partition_count('none'))"
    with subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as asking:
        time.sleep(10)
        with EmbeddedKafka(port=port):
            try:
                assert asking.communicate(timeout=5)[0] == b"0\n"
            finally:
                asking.kill()


@pytest.mark.embedded_broker
def test_check_reports_what_was_dropped_or_altered_and_ignores_additions(system: System) -> None:
    client = system.client
    client.execute("ALTER TABLE rejections ADD COLUMN ours String")
    client.execute("CREATE VIEW ours AS SELECT 1")
    assert schema.verify(client) > 40
    for change, message in (
        ("DROP TABLE rejections", "rejections is missing (made by 0003_create_rejections.sql, 0052_"),
        ("ALTER TABLE redrives DROP COLUMN reason", "redrives lacks the column reason (made by 0014"),
        (
            "ALTER TABLE workers MODIFY COLUMN configuration LowCardinality(String)",
            "workers was altered: the column configuration is LowCardinality(String), not String (made by 00",
        ),
        ("CREATE OR REPLACE VIEW sla_by_hour AS SELECT 1 AS hour", "sla_by_hour was altered: it is another query"),
        ("DROP VIEW sla_by_hour", "sla_by_hour is missing (made by views/sla.sql)"),
    ):
        client.execute(change)
        with pytest.raises(SchemaRefusedError, match=re.escape(message)):
            schema.verify(client)
    found = system.run("check")
    assert found.returncode == 1
    assert "wrong migrations: redrives lacks the column reason" in found.stdout


@pytest.mark.embedded_broker
def test_check_reports_an_unreachable_clickhouse_once_and_in_plain_words(system: System) -> None:
    with refusing() as port:
        url = f"http://user:secret@127.0.0.1:{port}"
        found = system.run("check", clickhouse_url=url)
    lines = found.stdout.splitlines()
    away = f"http://127.0.0.1:{port}/ does not answer: Connection refused; is it running, and is "
    assert [line.split(":")[0] for line in lines if not line.startswith("ok ")] == [
        *("wrong ClickHouse", "open  migrations", "open  rules", "open  log")
    ]
    assert f"wrong ClickHouse: {away}SICHTFLUG_CLICKHOUSE_URL right?" in lines
    assert found.stderr == ""


@pytest.mark.embedded_broker
def test_check_trusts_a_broker_to_stamp_records_only_once_it_has(system: System) -> None:
    # The embedded broker accepts LogAppendTime for a topic and does not apply it.
    assert f"ok    clock: {system.topic} asks for LogAppendTime; its first record will" in system.run("check").stdout
    system.publish([(b"a", b"{}")])
    assert "note  clock: the timestamps" in system.run("check").stdout
