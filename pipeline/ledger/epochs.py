"""Verification that a log is still the one a checkpoint was written for."""

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.errors import LogRefusedError
from pipeline.kafka.admin import KafkaAdmin, LogRange
from pipeline.ledger.checkpoints import read_checkpoint
from streams.checkpoint import Checkpoint, record_hash


def verify(broker: KafkaAdmin, topic: str, partition: int, checkpoint: Checkpoint, partition_count: int) -> bool:
    """Return whether the record folded last is still there, which proves that the log is the same.

    False means undecided: no record was folded yet, or it has been deleted. Raises LogRefusedError unless the log
    continues at the checkpoint.
    """
    where = f"{topic}[{partition}]"
    remedy = (
        f"If the topic was recreated or changed on purpose, stop all workers and run: sichtflug epoch --topic {topic}"
    )
    if checkpoint.partition_count and checkpoint.partition_count != partition_count:
        raise LogRefusedError(
            f"{where}: the ledger was written with {checkpoint.partition_count} partitions, the topic has "
            f"{partition_count}. {remedy}"
        )
    start, end = broker.log_ranges(topic, [partition])[partition]
    if checkpoint.next_offset > end:
        raise LogRefusedError(
            f"{where}: the checkpoint stands at offset {checkpoint.next_offset}, the log ends at {end}. {remedy}"
        )
    if checkpoint.next_offset < start:
        raise LogRefusedError(
            f"{where}: the log begins at offset {start}, the checkpoint needs {checkpoint.next_offset}: "
            f"{start - checkpoint.next_offset} records are gone and not counted. {remedy}"
        )
    if checkpoint.last_offset < start:
        return False
    record = broker.record_at(topic, partition, checkpoint.last_offset)
    if record is None or record.offset != checkpoint.last_offset:
        return False
    if record_hash(record.key, record.value) != checkpoint.last_record_hash:
        raise LogRefusedError(
            f"{where}: the record at offset {checkpoint.last_offset} is not the one that was folded last: "
            f"this is another log. {remedy}"
        )
    return True


def first_checkpoint(client: ClickHouse, topic: str, log_range: LogRange, partition_count: int) -> Checkpoint:
    """Return a first checkpoint for a partition: at the log's start, in the epoch of the topic's other partitions."""
    neighbour = read_checkpoint(client, f"log = {quoted(topic)}")
    return Checkpoint(
        epoch=neighbour.epoch if neighbour else 1,
        next_offset=log_range.start,
        partition_count=partition_count,
    )
