"""Whether a log is still the one that a checkpoint speaks of, and how a new epoch begins when it is not."""

import time

from pipeline.broker import Broker, LogRange
from pipeline.clickhouse import ClickHouse
from pipeline.ledger import of_partition, read_checkpoint
from pipeline.ledger_rows import checkpoint_section, ledger_block
from pipeline.literals import quoted
from streams.checkpoint import Checkpoint, record_hash


class LogRefusedError(Exception):
    """The log under a checkpoint is another one, or has lost records. The message says what to do."""


def verify(broker: Broker, topic: str, partition: int, checkpoint: Checkpoint, partition_count: int) -> None:
    """Raise LogRefusedError unless the log goes on where the checkpoint stands."""
    where = f"{topic}[{partition}]"
    remedy = (
        f"If the topic was recreated or changed on purpose, stop all workers and run: sichtflug epoch --topic {topic}"
    )
    if checkpoint.partition_count and checkpoint.partition_count != partition_count:
        raise LogRefusedError(
            f"{where}: the ledger was written with {checkpoint.partition_count} partitions, the topic has "
            f"{partition_count}. {remedy}"
        )
    found = broker.log_ranges(topic, [partition])[partition]
    if checkpoint.next_offset > found.end:
        raise LogRefusedError(
            f"{where}: the checkpoint stands at offset {checkpoint.next_offset}, the log ends at {found.end}. {remedy}"
        )
    if checkpoint.next_offset < found.start:
        raise LogRefusedError(
            f"{where}: the log begins at offset {found.start}, the checkpoint needs {checkpoint.next_offset}: "
            f"{found.start - checkpoint.next_offset} records are gone and not counted. {remedy}"
        )
    if checkpoint.last_offset >= found.start:
        record = broker.record_at(topic, partition, checkpoint.last_offset)
        is_other = record is not None and (
            record.offset == checkpoint.last_offset
            and record_hash(record.key, record.value) != checkpoint.last_record_hash
        )
        if is_other:
            raise LogRefusedError(
                f"{where}: the record at offset {checkpoint.last_offset} is not the one that was folded last: "
                f"this is another log. {remedy}"
            )


def first_checkpoint(door: ClickHouse, topic: str, found: LogRange, partition_count: int) -> Checkpoint:
    """The checkpoint of a partition that has none: at the log's start, in the epoch of its neighbours."""
    neighbour = read_checkpoint(door, f"log = {quoted(topic)}")
    return Checkpoint(
        epoch=neighbour.epoch if neighbour else 1,
        next_offset=found.start,
        partition_count=partition_count,
    )


def begin_epoch(
    door: ClickHouse,
    broker: Broker,
    topic: str,
    why: str,
    replication: int,
    *,
    is_same_log: bool = False,
    dry_run: bool = False,
) -> list[tuple[int, Checkpoint]]:
    """Begin a new epoch of a topic in all its partitions; (partition, new checkpoint) come back.

    Panes of all epochs add up and conversations go on. A watermark in the future becomes the present. With
    `is_same_log` the log goes on where each checkpoint stands, else it is read from its start. Nothing comes back and
    nothing is written when the ledger knows nothing of the topic. All workers must be stopped.
    """
    rows = door.rows(
        "SELECT kafka_partition, argMax(partition_count, revision) FROM ledger "
        f"WHERE log = {quoted(topic)} AND kind = 'checkpoint' GROUP BY kafka_partition ORDER BY kafka_partition"
    )
    if not rows:
        return []
    known_count = max(max(count for _, count in rows), len(rows))
    partition_count = broker.ensure_topic(topic, known_count, replication)
    if partition_count != known_count:
        raise LogRefusedError(
            f"{topic}: the ledger was written with {known_count} partitions, the topic has {partition_count}. "
            "Conversations lie where their key's partition was, so a topic with another number of partitions needs "
            f"an empty database (SICHTFLUG_CLICKHOUSE_DATABASE), or a topic with {known_count} partitions."
        )
    before = {partition: read_checkpoint(door, of_partition(topic, partition)) for partition, _ in rows}
    stage = max(checkpoint.stage for checkpoint in before.values() if checkpoint)
    epoch = 1 + max(checkpoint.epoch for checkpoint in before.values() if checkpoint)
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
            door.insert("ledger", block.columns, block.body, block.row_count, f"{topic}/{partition}/epoch-{epoch}")
        begun.append((partition, checkpoint))
    return begun
