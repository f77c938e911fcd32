"""The Kafka client for administration and tools (kafka-python): topics, log ends, single records."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import (
    CorruptRecordError,
    KafkaError,
    KafkaTimeoutError,
    RetriableError,
    TopicAlreadyExistsError,
    UnsupportedCodecError,
)

from pipeline.contract.records import Header
from pipeline.errors import BrokerError, KafkaUnavailableError
from pipeline.kafka import stored_batches

TIMESTAMP_TYPE = "message.timestamp.type"
LOG_APPEND_TIME, CREATE_TIME = "LogAppendTime", "CreateTime"
READ_SECONDS = 10.0
#: How long to wait for a Kafka that is still starting.
START_SECONDS = 30.0


class LogRange(NamedTuple):
    """The offsets `[start, end)` that a partition's log holds now."""

    start: int
    end: int


class StoredRecord(NamedTuple):
    """A record as stored in the log."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    is_stamped_by_broker: bool = False


class KafkaAdmin:
    """Administration of one cluster.

    Raises BrokerError; KafkaUnavailableError if there is no answer within `answer_seconds`.
    """

    def __init__(self, bootstrap: str, answer_seconds: float = START_SECONDS) -> None:
        self.bootstrap = bootstrap
        self._answer_seconds = answer_seconds

    def partition_count(self, topic: str) -> int:
        """Return the number of partitions of a topic; 0 if it does not exist."""
        with self._consumer() as consumer:
            return len(consumer.partitions_for_topic(topic) or ())

    def ensure_topic(
        self, topic: str, partitions: int, replication: int, configuration: Mapping[str, str] | None = None
    ) -> int:
        """Create a topic if it does not exist. Return the number of partitions it has.

        `configuration` applies only to a topic that is created; an existing one is left as it is. A created topic uses
        the broker's clock for timestamps, unless `configuration` says otherwise.
        """
        existing = self.partition_count(topic)
        if existing:
            return existing
        configs = {TIMESTAMP_TYPE: LOG_APPEND_TIME} | dict(configuration or {})
        with self._admin(f"cannot create the topic {topic}") as admin, suppress(TopicAlreadyExistsError):
            admin.create_topics([NewTopic(topic, partitions, replication, topic_configs=configs)])
        deadline = time.monotonic() + READ_SECONDS
        while not (existing := self.partition_count(topic)):
            if time.monotonic() > deadline:
                raise BrokerError(f"Kafka at {self.bootstrap}: the topic {topic} was created and does not appear")
            time.sleep(0.05)
        return existing

    def timestamp_type(self, topic: str) -> str:
        """Return the source of the topic's timestamps: `LogAppendTime` (the broker) or `CreateTime` (the producers).

        Decided by the last records; without any, by the topic's configuration, which not every broker obeys.
        """
        ranges = self.log_ranges(topic, list(range(self.partition_count(topic))))
        for partition, log_range in ranges.items():
            if log_range.end > log_range.start:
                record = self.record_at(topic, partition, log_range.end - 1)
                if record is not None:
                    return LOG_APPEND_TIME if record.is_stamped_by_broker else CREATE_TIME
        with self._admin(f"cannot read the configuration of the topic {topic}") as admin:
            configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        value = configs.get("topic", {}).get(topic, {}).get(TIMESTAMP_TYPE, "")
        return str(value.get("value", "") if isinstance(value, Mapping) else value)

    def is_empty(self, topic: str) -> bool:
        """Return whether a topic holds no records."""
        ranges = self.log_ranges(topic, list(range(self.partition_count(topic))))
        return all(log_range.start >= log_range.end for log_range in ranges.values())

    def log_ranges(self, topic: str, partitions: Sequence[int]) -> dict[int, LogRange]:
        """Return start and end of the logs of the given partitions."""
        with self._consumer() as consumer:
            return _log_ranges(consumer, [TopicPartition(topic, partition) for partition in partitions])

    def record_at(self, topic: str, partition: int, offset: int) -> StoredRecord | None:
        """Return the record at `offset`, or the next one if the log has a hole there.

        Returns None if there is none, or if the stored batch is damaged.
        """
        with self._consumer() as consumer, suppress(CorruptRecordError, UnsupportedCodecError):
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            consumer.seek(tp, offset)
            deadline = time.monotonic() + READ_SECONDS
            while time.monotonic() < deadline:
                for record in consumer.poll(timeout_ms=500, max_records=1).get(tp, []):
                    return _stored(record)
        return None

    def records(self, topic: str) -> Iterator[StoredRecord]:
        """Yield everything that a topic holds now, each partition in log order. A missing topic yields nothing.

        Raises KafkaUnavailableError if nothing arrives for `READ_SECONDS` before the end is reached.
        """
        with self._consumer() as consumer:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            ranges = _log_ranges(consumer, partitions)
            waiting = {tp for tp in partitions if ranges[tp.partition].end > ranges[tp.partition].start}
            for tp in waiting:
                consumer.seek(tp, ranges[tp.partition].start)
            deadline = time.monotonic() + READ_SECONDS
            while waiting:
                for tp, records in consumer.poll(timeout_ms=500).items():
                    deadline = time.monotonic() + READ_SECONDS
                    yield from (_stored(record) for record in records if record.offset < ranges[tp.partition].end)
                waiting = {tp for tp in waiting if consumer.position(tp) < ranges[tp.partition].end}
                if waiting and time.monotonic() > deadline:
                    raise KafkaUnavailableError(
                        f"Kafka at {self.bootstrap}: no more records of {topic} within {READ_SECONDS:.0f} s"
                    )

    @contextmanager
    def _admin(self, failure: str) -> Iterator[Any]:
        try:
            with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
                yield admin
        except KafkaError as error:
            raise self._failure(f"{failure}: {error}", error) from error

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        try:
            with closing(self._connect()) as consumer:
                yield consumer
        except KafkaError as error:
            raise self._failure(f"{error}; is it running, and is the address right?", error) from error

    def _failure(self, what: str, error: KafkaError) -> BrokerError:
        kind = KafkaUnavailableError if isinstance(error, RetriableError) else BrokerError
        return kind(f"Kafka at {self.bootstrap}: {what}")

    def _connect(self) -> Any:
        milliseconds = round(self._answer_seconds * 1000)
        stored_batches.install()
        try:
            return KafkaConsumer(
                bootstrap_servers=self.bootstrap,
                bootstrap_timeout_ms=milliseconds,
                request_timeout_ms=milliseconds,
                # The default backs off to 30 s, and would miss a Kafka that has started meanwhile.
                reconnect_backoff_max_ms=1000,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=50,
            )
        except KafkaTimeoutError as error:
            raise KafkaUnavailableError(
                f"Kafka at {self.bootstrap} does not answer within {self._answer_seconds:.0f} s; "
                "is it running, and is the address right?"
            ) from error


def _stored(record: Any) -> StoredRecord:
    return StoredRecord(record.offset, record.key, record.value, record.headers, record.timestamp_type == 1)


def _log_ranges(consumer: Any, wanted: Sequence[TopicPartition]) -> dict[int, LogRange]:
    """Return start and end by partition. Leaves the partitions assigned, at their ends."""
    if not wanted:
        return {}
    starts = consumer.beginning_offsets(wanted)
    ends = consumer.end_offsets(wanted)
    # The embedded broker reports the first offset of the last batch as the end; only a fetch returns the real one.
    consumer.assign(wanted)
    for tp in wanted:
        consumer.seek(tp, ends[tp])
    deadline = time.monotonic() + READ_SECONDS
    while any(consumer.highwater(tp) is None for tp in wanted) and time.monotonic() < deadline:
        consumer.poll(timeout_ms=100)
    return {tp.partition: LogRange(starts[tp], max(ends[tp], consumer.highwater(tp) or 0)) for tp in wanted}
