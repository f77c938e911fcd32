"""Whether a log is still the one that a checkpoint speaks of."""

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.errors import LogRefusedError
from pipeline.kafka.admin import KafkaAdmin, LogRange
from pipeline.ledger.checkpoints import read_checkpoint
from streams.checkpoint import Checkpoint, record_hash


def verify(broker: KafkaAdmin, topic: str, partition: int, checkpoint: Checkpoint, partition_count: int) -> bool:
    """Whether the record that was folded last is there; without one, or where it is gone, nothing can be said.

    Raises LogRefusedError unless the log goes on where the checkpoint stands.
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
    if checkpoint.last_offset < found.start:
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


def first_checkpoint(client: ClickHouse, topic: str, found: LogRange, partition_count: int) -> Checkpoint:
    """The checkpoint of a partition that has none: at the log's start, in the epoch of its neighbours."""
    neighbour = read_checkpoint(client, f"log = {quoted(topic)}")
    return Checkpoint(
        epoch=neighbour.epoch if neighbour else 1,
        next_offset=found.start,
        partition_count=partition_count,
    )
