"""`sichtflug epoch`: continue with a recreated log, or with watermarks that a wrong clock pushed into the future."""

import time
from typing import NamedTuple

from pipeline.clickhouse.client import ClickHouse, connect
from pipeline.clickhouse.sql import quoted
from pipeline.errors import LogRefusedError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.ledger.checkpoints import of_partition, read_checkpoint
from pipeline.ledger.epochs import verify
from pipeline.ledger.rows import checkpoint_section, ledger_block
from pipeline.ledger.workers import GONE_SECONDS, at_work
from pipeline.settings import Settings
from pipeline.stages.rolling.store import RollingStore
from streams.checkpoint import Checkpoint


class NewEpoch(NamedTuple):
    """The first checkpoints of a new epoch, by log and partition.

    `taken_back_count` evaluated minutes lay in the future and will be evaluated again. `at_work` names workers that
    must be stopped first.
    """

    checkpoints: dict[tuple[str, int], Checkpoint]
    taken_back_count: int
    at_work: list[str]


def new_epoch(settings: Settings, topic: str, why: str, *, reset_watermark: bool, dry_run: bool) -> NewEpoch:
    """Begin a new epoch of a topic; with the topic of the events, also of the customer facts.

    With `reset_watermark` the log is the same, and no epoch begins unless something lies in the future. Raises
    LogRefusedError if workers are running or, without `reset_watermark`, if the log is the same; BrokerError, and the
    errors of the ClickHouse client.
    """
    broker = KafkaAdmin(settings.kafka_bootstrap)
    is_events = topic == settings.kafka_topic
    # The customer facts may be affected like the events they come from. Reading them again changes nothing.
    logs = [topic, settings.customer_facts_topic] if is_events else [topic]
    with connect(settings) as client:
        now_ms = time.time_ns() // 1_000_000
        rolling = RollingStore(client, topic)
        if (
            reset_watermark
            and not _is_ahead(client, logs, now_ms)
            and not (is_events and rolling.take_back_from(now_ms // 60_000, dry_run=True))
        ):
            return NewEpoch({}, 0, [])
        running = at_work(client, settings.kafka_topic)
        if running and not dry_run:
            raise LogRefusedError(
                f"{topic}: expected no worker at work, found {', '.join(running)}. Stop all workers and run this "
                f"again; one that was killed counts as gone after {GONE_SECONDS} s."
            )
        if not reset_watermark and _is_same_log(client, broker, topic):
            raise LogRefusedError(
                f"{topic}: expected another log than before, found the record that was folded last in every partition. "
                "Workers go on with it by themselves; against a watermark in the future: --reset-watermark."
            )
        begun = {
            (log, partition): checkpoint
            for log in logs
            for partition, checkpoint in begin_epoch(
                client,
                broker,
                log,
                why,
                settings.kafka_replication,
                is_same_log=reset_watermark,
                dry_run=dry_run,
            )
        }
        takes_back = reset_watermark and is_events
        taken_back_count = rolling.take_back_from(now_ms // 60_000, dry_run=dry_run) if takes_back else 0
        return NewEpoch(begun, taken_back_count, running)


def _is_ahead(client: ClickHouse, logs: list[str], now_ms: int) -> bool:
    """Return whether some checkpoint lies in the future."""
    checkpoints = (checkpoint for log in logs for checkpoint in _newest(client, log).values() if checkpoint)
    return any(max(checkpoint.watermark, checkpoint.broker_at) > now_ms for checkpoint in checkpoints)


def _is_same_log(client: ClickHouse, broker: KafkaAdmin, topic: str) -> bool:
    """Return whether all partitions that were read verifiably continue the same log."""
    known = {
        partition: checkpoint
        for partition, checkpoint in _newest(client, topic).items()
        if checkpoint and checkpoint.last_offset >= 0
    }
    partition_count = broker.partition_count(topic)
    try:
        return bool(known) and all(
            verify(broker, topic, partition, checkpoint, partition_count) for partition, checkpoint in known.items()
        )
    except LogRefusedError:
        return False


def _newest(client: ClickHouse, topic: str) -> dict[int, Checkpoint | None]:
    """Return the newest checkpoint of each partition in the ledger."""
    rows = client.rows(
        f"SELECT DISTINCT kafka_partition FROM ledger WHERE log = {quoted(topic)} AND kind = 'checkpoint' "
        "ORDER BY kafka_partition"
    )
    return {partition: read_checkpoint(client, of_partition(topic, partition)) for (partition,) in rows}


def begin_epoch(
    client: ClickHouse,
    broker: KafkaAdmin,
    topic: str,
    why: str,
    replication: int,
    *,
    is_same_log: bool = False,
    dry_run: bool = False,
) -> list[tuple[int, Checkpoint]]:
    """Begin a new epoch of a topic in all its partitions. Return (partition, new checkpoint).

    Panes of all epochs add up and conversations continue. A watermark in the future becomes the present. With
    `is_same_log` the log is read on from each checkpoint, else from its start. Does nothing if the ledger does not know
    the topic. All workers must be stopped.
    """
    before = _newest(client, topic)
    known = [checkpoint for checkpoint in before.values() if checkpoint]
    if not known:
        return []
    known_count = max(len(before), *(checkpoint.partition_count for checkpoint in known))
    partition_count = broker.ensure_topic(topic, known_count, replication)
    if partition_count != known_count:
        raise LogRefusedError(
            f"{topic}: the ledger was written with {known_count} partitions, the topic has {partition_count}. "
            "Conversations lie where their key's partition was, so a topic with another number of partitions needs "
            f"an empty database (SICHTFLUG_CLICKHOUSE_DATABASE), or a topic with {known_count} partitions."
        )
    stage = max(checkpoint.stage for checkpoint in known)
    epoch = 1 + max(checkpoint.epoch for checkpoint in known)
    ranges = broker.log_ranges(topic, list(range(partition_count)))
    now_ms = time.time_ns() // 1_000_000
    begun = []
    for partition in range(partition_count):
        old = before.get(partition)
        goes_on = old if is_same_log else None
        if goes_on is not None:
            verify(broker, topic, partition, goes_on, partition_count)
        checkpoint = Checkpoint(
            epoch=epoch,
            next_offset=goes_on.next_offset if goes_on else ranges[partition].start,
            last_offset=goes_on.last_offset if goes_on else -1,
            last_record_hash=goes_on.last_record_hash if goes_on else 0,
            watermark=min(old.watermark, now_ms) if old else 0,
            broker_at=min(old.broker_at, now_ms) if old else 0,
            configuration=old.configuration if old else "",
            configuration_number=old.configuration_number if old else 0,
            reporting_zone=old.reporting_zone if old else "UTC",
            partition_count=partition_count,
            reason=why,
            stage=stage,
            positions=old.positions if old else {},
        )
        if not dry_run:
            block = ledger_block(topic, partition, checkpoint.revision, [checkpoint_section(checkpoint)])
            client.insert("ledger", block.columns, block.body, block.row_count, f"{topic}/{partition}/epoch-{epoch}")
        begun.append((partition, checkpoint))
    return begun
