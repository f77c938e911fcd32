"""Wrong clocks: the effect of a future event, or of an impossible broker timestamp, on all other numbers."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaProducer

from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter
from pipeline.kafka.admin import KafkaAdmin
from pipeline.stages.interactions.partition import interactions_processor
from pipeline.stages.rolling.store import RollingStore
from streams.checkpoint import Checkpoint
from streams.rules import Rules, RulesConfig
from tests.support.system import System, wait_for

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
YEAR_2096_MS = 3_976_214_400_000
SAME_LOG = "expected another log than before"

RULES = """
[rules.targets]
first_response_seconds = 3600
[rules.idle_limit_seconds]
web_chat = 14400
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def event(id: str, at_ms: int, subject: str, type: str = "conversation.opened", **data: Any) -> bytes:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    about = {"specversion": "1.0", "id": id, "source": "/desk", "type": type, "time": moment, "subject": subject}
    return json.dumps(about | {"data": data}).encode()


def send(system: System, *records: tuple[int, int, bytes]) -> None:
    """Send records given as (partition, the producer's timestamp, value)."""
    producer = KafkaProducer(bootstrap_servers=system.bootstrap, acks="all")
    for partition, timestamp, value in records:
        producer.send(system.topic, key=b"k", value=value, partition=partition, timestamp_ms=timestamp).get(timeout=30)
    producer.close()


@pytest.mark.apache_kafka
def test_a_producer_two_days_ahead_is_clamped_where_the_broker_stamps_records(system: System) -> None:
    # Three correct events of the last ten minutes and one of a clock two days ahead, which stamps its record: clamped
    # 1, none late, no SLA clock missed (they fall due in 50 minutes or later), the chat (idle limit 4 h) still open.
    (system.directory / "rules.toml").write_text(RULES)
    config = str(system.directory / "rules.toml")
    system.start_worker(config=config)
    now = now_ms()
    early = (now - 10 * MINUTE_MS, now - 8 * MINUTE_MS)
    send(
        system,
        (0, early[0], event("1", early[0], "n-1", channel="email", queue="q")),
        (0, early[1], event("2", early[1], "n-2", channel="web_chat", queue="chat")),
        (0, now + 2 * DAY_MS, event("3", now + 2 * DAY_MS, "w-1", channel="phone", queue="wrong")),
    )
    send(system, (0, now, event("4", now_ms(), "n-1", "message.created", actor_kind="agent")))
    system.wait_until_folded()
    [(clamped, late, latest)] = system.client.rows(
        "SELECT sum(clamped_count), sum(late_count), (SELECT toUnixTimestamp64Milli(latest) FROM watermarks) "
        "FROM checkpoints"
    )
    assert (clamped, late) == (1, 0)
    assert now <= latest <= now_ms()
    assert system.client.rows("SELECT sum(missed_count), sum(met_count) FROM sla_by_day") == [(0, 1)]
    states = system.client.rows("SELECT conversation_id, state FROM conversation_facts ORDER BY conversation_id")
    assert states == [("n-1", "open"), ("n-2", "open"), ("w-1", "open")]
    assert "clock: the broker stamps records as they come" in system.run("check").stdout


@pytest.mark.embedded_broker
def test_a_future_producer_timestamp_does_bounded_harm_and_can_be_reset(system: System) -> None:
    worker = system.start_worker()
    now = now_ms()
    for partition in (0, 1):
        send(system, *((partition, now, event(f"a{n}", now, f"a{partition}{n}", channel="email")) for n in range(5)))
    # One record of a broken clock: event and timestamp in the year 2096.
    send(system, (0, YEAR_2096_MS, event("poison", YEAR_2096_MS, "poison", channel="email")))
    wait_for(lambda: system.books()["consumed"] == 11, 60, system.log)
    time.sleep(3)
    send(system, *((p, now_ms(), event(f"b{p}", now_ms(), f"b{p}", channel="email")) for p in (0, 1)))
    wait_for(lambda: system.books()["consumed"] == 13, 60, system.log)

    # Reported at the start and by `check`; nothing is evaluated beyond the present, and nothing is valid for 2096.
    assert "are the producers' own (CreateTime)" in system.log()
    assert "note  clock: the timestamps of" in system.run("check").stdout
    store = RollingStore(system.client, system.topic)
    judged = store.evaluated_minute()
    assert judged is not None
    assert judged * MINUTE_MS <= now_ms()
    [(latest, settled)] = system.client.rows(
        "SELECT toUnixTimestamp64Milli(latest), toUnixTimestamp64Milli(settled) FROM watermarks"
    )
    assert latest <= now_ms()
    assert settled <= now_ms()
    # Minutes, hours and days of the present are complete, including those of the poisoned partition.
    count = "SELECT sum(contact_count) FROM panes WHERE start < '2090-01-01' AND tier ="
    assert [system.client.rows(f"{count} '{tier}'") for tier in ("minute", "hour", "day")] == [[(12,)]] * 3

    worker.terminate()
    assert worker.wait(timeout=30) == 0
    arguments = ("epoch", "--topic", system.topic, "--reset-watermark", "--why", "a producer's clock stood in 2096")
    dry_run = system.run(*arguments, "--dry-run")
    assert "would begin epoch 2" in dry_run.stdout
    assert [epoch for (epoch,) in system.client.rows("SELECT DISTINCT epoch FROM checkpoints")] == [1]
    done = system.run(*arguments)
    assert done.returncode == 0, done.stderr
    again = system.run(*arguments)
    assert again.stdout.strip() == (
        f"no watermark of {system.topic} lies in the future: there is nothing to reset, and no epoch begins"
    )
    assert f"began epoch 2 of {system.topic}[0] at offset" in done.stdout
    [(ahead,)] = system.client.rows(
        "SELECT max(w) FROM (SELECT toUnixTimestamp64Milli(argMax(watermark, revision)) AS w FROM checkpoints "
        "GROUP BY kafka_partition)"
    )
    assert ahead <= now_ms()

    # It continues where it stood.
    system.start_worker()
    send(system, *((p, now_ms(), event(f"c{p}", now_ms(), f"c{p}", channel="phone")) for p in (0, 1)))
    system.wait_until_folded()
    phone = "SELECT sum(contact_count) FROM panes WHERE channel = 'phone' AND tier = "
    assert [system.client.rows(f"{phone} '{tier}'") for tier in ("minute", "hour", "day")] == [[(2,)], [(2,)], [(2,)]]
    assert system.client.rows("SELECT count() FROM conversation_facts") == [(15,)]


@pytest.mark.parametrize("reset", [[], ["--reset-watermark"]], ids=["same log", "reset"])
@pytest.mark.embedded_broker
def test_no_epoch_begins_while_a_worker_runs(system: System, reset: list[str]) -> None:
    worker = system.start_worker()
    at_ms = now_ms() + HOUR_MS
    send(system, (0, at_ms, event("1", at_ms, "a", channel="email")))
    wait_for(lambda: system.books()["consumed"] == 1, 60, system.log)
    arguments = ("epoch", "--topic", system.topic, "--why", "test", *reset)
    dry = system.run(*arguments, "--dry-run")
    if reset:
        name = f"{socket.gethostname()}/{worker.pid}/"
        assert re.search(
            rf"would begin epoch 2.*first stop the workers that are running: {name}", dry.stdout, re.DOTALL
        )
    else:
        assert SAME_LOG in dry.stderr
    refusal = f"{system.topic}: expected no worker at work, found {socket.gethostname()}/{worker.pid}/"
    refused = system.run(*arguments)
    assert (refused.returncode, refusal in refused.stderr) == (2, True), refused
    assert (
        refusal.partition(":")[2]
        in system.run("epoch", "--topic", f"{system.topic}.customer-facts", "--why", "x").stderr
    )
    # A killed worker could not deregister: for 15 s nobody knows.
    worker.kill()
    worker.wait(timeout=30)
    assert refusal in system.run(*arguments).stderr
    assert system.client.rows("SELECT DISTINCT epoch FROM checkpoints") == [(1,)]
    if reset:
        wait_for(lambda: system.run(*arguments).returncode == 0, 40, system.log)
        assert system.client.rows("SELECT max(epoch) FROM checkpoints") == [(2,)]
    else:
        # Read again from its start, it would count everything forgotten a second time.
        wait_for(lambda: SAME_LOG in system.run(*arguments).stderr, 40, system.log)
        assert system.client.rows("SELECT max(epoch) FROM checkpoints") == [(1,)]


@pytest.mark.embedded_broker
def test_an_impossible_broker_timestamp_moves_no_watermark(system: System) -> None:
    # A timestamp of 0 and an event in 2096: the partition's last good timestamp is used, so the event is rejected.
    system.start_worker()
    now = now_ms()
    send(system, (0, now, event("1", now, "a", channel="email")))
    send(system, (0, 0, event("2", YEAR_2096_MS, "b", channel="email")))
    send(system, (0, 0, event("3", now + HOUR_MS, "c", channel="email")))
    wait_for(lambda: system.books()["consumed"] == 3, 60, system.log)
    assert system.books()["rejected"] == 1
    assert system.client.rows("SELECT toUnixTimestamp64Milli(max(watermark)), sum(clamped_count) FROM checkpoints") == [
        (now, 1)
    ]
    # After a restart, too: the checkpoint stores it.
    system.workers[0].terminate()
    system.workers[0].wait(timeout=30)
    system.start_worker()
    send(system, (0, 0, event("4", now + 2 * HOUR_MS, "d", channel="email")))
    wait_for(lambda: system.books()["consumed"] == 4, 60, system.log)
    assert system.client.rows("SELECT toUnixTimestamp64Milli(max(watermark)), sum(clamped_count) FROM checkpoints") == [
        (now, 2)
    ]


@pytest.mark.embedded_broker
def test_an_idle_partition_does_not_hold_the_watermark_back(system: System) -> None:
    # Partition 0 has one event of 08:00 and then nothing; partition 1 one a minute until 10:59. All is read, so the
    # numbers are valid for 10:59, and an SLA target of 10 minutes is missed by 1 + 109: those due before 10:59.
    (system.directory / "rules.toml").write_text("[rules.targets]\nfirst_response_seconds = 600\n")
    system.start_worker(config=str(system.directory / "rules.toml"))
    day = datetime(2026, 11, 23, tzinfo=UTC)
    at_ms = int(day.timestamp() * 1000)
    busy = [(1, at_ms + (540 + n) * MINUTE_MS) for n in range(120)]
    for partition, moment in [(0, at_ms + 480 * MINUTE_MS), *busy]:
        send_at = event(f"i{moment}", moment, f"i{moment}", channel="email", queue="q")
        send(system, (partition, moment, send_at))
    system.wait_until_folded()
    settled = "SELECT toUnixTimestamp64Milli(settled) >= toUnixTimestamp64Milli(latest) - 60000 FROM watermarks"
    wait_for(lambda: system.client.rows(settled) == [(1,)], 60, system.log)
    assert system.client.rows("SELECT sum(missed_count) FROM sla_by_day") == [(110,)]


@pytest.mark.embedded_broker
def test_minutes_of_the_present_survive_a_watermark_in_the_future(system: System) -> None:
    async def ignore(letters: Sequence[DeadLetter]) -> None:
        """Drop the dead letters, which are not under test."""

    async def fold_and_expire() -> None:
        rules, codec = Rules(RulesConfig()), Codec(b"k")
        worker = interactions_processor("log", 0, rules, codec, lambda: ClickHouse(system.url, system.database), ignore)
        worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
        now = now_ms()
        values = [
            (now, event("1", now, "a", channel="email")),
            (YEAR_2096_MS, event("2", YEAR_2096_MS, "b", channel="email")),
        ]
        await worker.fold(
            [
                SimpleNamespace(offset=offset, timestamp=timestamp, key=None, value=value, headers=())
                for offset, (timestamp, value) in enumerate(values)
            ]
        )
        worker._expire_minutes_at = 0.0
        await worker.flush()
        worker.close()

    asyncio.run(fold_and_expire())
    assert KafkaAdmin(system.bootstrap).partition_count(system.topic)
    [(count,)] = system.client.rows("SELECT count() FROM panes WHERE tier = 'minute' AND start < '2090-01-01'")
    assert count == 1


@pytest.mark.embedded_broker
def test_a_history_with_its_own_record_timestamps_is_stored_and_kept(system: System) -> None:
    # 300 months in one flush, a conversation each, opened and closed: arrived 300, departed 300, 600 interactions; a
    # record of 2001 that is not an event. ClickHouse accepts at most 100 months in one insert by default.
    records = []
    for month in range(300):
        at_ms = int(datetime(2001 + month // 12, month % 12 + 1, 15, tzinfo=UTC).timestamp()) * 1000
        records.append((0, at_ms, event(f"o{month}", at_ms, f"h{month}", channel="email", queue="q")))
        records.append((0, at_ms + HOUR_MS, event(f"c{month}", at_ms + HOUR_MS, f"h{month}", "conversation.closed")))
    send(system, *records, (0, records[0][1], b"no JSON"))
    system.start_worker()
    system.wait_until_folded()
    totals = "SELECT sum(arrived_count), sum(departed_count) FROM backlog_by_day"
    assert system.client.rows(totals) == [(300, 300)]
    # The state after merges.
    for table, count in (("interactions", 600), ("rejections", 1)):
        system.client.execute(f"OPTIMIZE TABLE {table} FINAL")
        assert system.client.rows(f"SELECT count() FROM {table}") == [(count,)]
