"""`sichtflug skip`: make workers skip a record that crashes them."""

from typing import NamedTuple

from pipeline.clickhouse.client import connect
from pipeline.clickhouse.sql import quoted
from pipeline.errors import LogRefusedError, SettingsError
from pipeline.kafka.admin import KafkaAdmin, StoredRecord
from pipeline.ledger.checkpoints import of_partition, read_checkpoint
from pipeline.ledger.epochs import first_checkpoint
from pipeline.ledger.workers import at_work
from pipeline.settings import Settings

LONGEST_WHY = 1_000


class Skipped(NamedTuple):
    """A skipped record: its place, its content if readable, and the workers that must be restarted."""

    where: str
    record: StoredRecord | None
    workers: list[str]


def skip(settings: Settings, topic: str, partition: int, offset: int, why: str, *, dry_run: bool) -> Skipped:
    """Make workers reject the record at an offset as a dead letter, from their next start on.

    Raises SettingsError, LogRefusedError, BrokerError and the errors of the ClickHouse client.
    """
    topics = (settings.kafka_topic, settings.customer_facts_topic)
    if topic not in topics:
        raise SettingsError(f"--topic {topic}: expected one that workers fold, {' or '.join(topics)}")
    if not 0 < len(why) <= LONGEST_WHY or not why.isprintable():
        raise SettingsError(f"--why: expected a line of 1 to {LONGEST_WHY} characters")
    where = f"{topic}[{partition}]@{offset}"
    broker = KafkaAdmin(settings.kafka_bootstrap)
    count = broker.partition_count(topic)
    if not 0 <= partition < count:
        held = f"{topic} has the partitions 0 to {count - 1}" if count else f"there is no topic {topic}"
        raise LogRefusedError(f"{where}: expected a partition of the topic; {held}")
    log_range = broker.log_ranges(topic, [partition])[partition]
    start, end = log_range
    if not start <= offset < end:
        held = f"holds {start} to {end - 1}" if start < end else "is empty"
        raise LogRefusedError(f"{where}: expected an offset of the log, which {held}")
    with connect(settings) as client:
        checkpoint = read_checkpoint(client, of_partition(topic, partition)) or first_checkpoint(
            client, topic, log_range, count
        )
        if offset < checkpoint.next_offset:
            raise LogRefusedError(
                f"{where}: this record is in the ledger, which stands at offset {checkpoint.next_offset}: there is "
                "nothing to skip"
            )
        record = broker.record_at(topic, partition, offset)
        if not dry_run:
            client.execute(
                "INSERT INTO skips (log, epoch, kafka_partition, kafka_offset, why) VALUES "
                f"({quoted(topic)}, {checkpoint.epoch}, {partition}, {offset}, {quoted(why)})"
            )
        return Skipped(
            where, record if record and record.offset == offset else None, at_work(client, settings.kafka_topic)
        )
