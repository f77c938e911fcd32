"""The door to Kafka for administration and tools (kafka-python): topics, log ends, single records, producers."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError, KafkaTimeoutError, RetriableError, TopicAlreadyExistsError

READ_SECONDS = 10.0
#: How long a Kafka that is just starting may keep us waiting.
START_SECONDS = 30.0

Result = TypeVar("Result")


class BrokerError(Exception):
    """Kafka cannot be reached, or a topic is not as it must be. The message says what to do."""


class BrokerAwayError(BrokerError):
    """Nobody answers now; the same call may succeed later."""


class LogRange(NamedTuple):
    """What a partition's log holds now: offsets `[start, end)`."""

    start: int
    end: int


class StoredRecord(NamedTuple):
    """A record as it lies in the log."""

    offset: int
    key: bytes | None
    value: bytes | None


class Broker:
    """Administration of one cluster. Raises BrokerError; BrokerAwayError when no answer comes in `answer_seconds`."""

    def __init__(self, bootstrap: str, answer_seconds: float = START_SECONDS) -> None:
        self.bootstrap = bootstrap
        self._answer_seconds = answer_seconds

    def partition_count(self, topic: str) -> int:
        """Partitions of a topic, 0 when it does not exist."""
        return self._with_consumer(lambda consumer: len(consumer.partitions_for_topic(topic) or ()))

    def ensure_topic(self, topic: str, partitions: int, replication: int) -> int:
        """Create a topic where it is missing; the number of partitions that it has comes back."""
        existing = self.partition_count(topic)
        if existing:
            return existing
        try:
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
            try:
                admin.create_topics([NewTopic(topic, partitions, replication)])
            except TopicAlreadyExistsError:
                pass
            finally:
                admin.close()
        except KafkaError as error:
            kind = BrokerAwayError if isinstance(error, RetriableError) else BrokerError
            raise kind(f"Kafka at {self.bootstrap}: cannot create the topic {topic}: {error}") from error
        deadline = time.monotonic() + READ_SECONDS
        while not (existing := self.partition_count(topic)):
            if time.monotonic() > deadline:
                raise BrokerError(f"Kafka at {self.bootstrap}: the topic {topic} was created and does not appear")
            time.sleep(0.05)
        return existing

    def log_ranges(self, topic: str, partitions: list[int]) -> dict[int, LogRange]:
        """Start and end of the logs of some partitions."""

        def read(consumer: Any) -> dict[int, LogRange]:
            wanted = [TopicPartition(topic, partition) for partition in partitions]
            starts = consumer.beginning_offsets(wanted)
            ends = consumer.end_offsets(wanted)
            # The embedded broker names the first offset of the last batch as the end; only a fetch tells the real one.
            consumer.assign(wanted)
            for tp in wanted:
                consumer.seek(tp, ends[tp])
            deadline = time.monotonic() + READ_SECONDS
            while any(consumer.highwater(tp) is None for tp in wanted) and time.monotonic() < deadline:
                consumer.poll(timeout_ms=100)
            return {tp.partition: LogRange(starts[tp], max(ends[tp], consumer.highwater(tp) or 0)) for tp in wanted}

        return self._with_consumer(read)

    def record_at(self, topic: str, partition: int, offset: int) -> StoredRecord | None:
        """The record at `offset`, or the next one after it where a log has a hole there; None when there is none."""

        def read(consumer: Any) -> StoredRecord | None:
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            consumer.seek(tp, offset)
            deadline = time.monotonic() + READ_SECONDS
            while time.monotonic() < deadline:
                for record in consumer.poll(timeout_ms=500, max_records=1).get(tp, []):
                    return StoredRecord(record.offset, record.key, record.value)
            return None

        return self._with_consumer(read)

    def find_dead_letter(
        self, topic: str, partition: int, offset: int
    ) -> tuple[list[tuple[str, bytes]], bytes | None, bytes | None] | None:
        """Headers, key and value of the newest dead letter of a source record, None when there is none."""

        def read(consumer: Any) -> tuple[list[tuple[str, bytes]], bytes | None, bytes | None] | None:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            ends = consumer.end_offsets(partitions) if partitions else {}
            waiting = {tp for tp in partitions if ends[tp] > 0}
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            found = None
            while waiting:
                for tp, records in consumer.poll(timeout_ms=1000).items():
                    for record in records:
                        headers = dict(record.headers)
                        origin = (headers.get("sichtflug-partition"), headers.get("sichtflug-offset"))
                        if origin == (str(partition).encode(), str(offset).encode()):
                            found = (list(record.headers), record.key, record.value)
                    if records[-1].offset + 1 >= ends[tp]:
                        waiting.discard(tp)
            return found

        return self._with_consumer(read)

    def _with_consumer(self, work: Callable[[Any], Result]) -> Result:
        try:
            consumer = self._connect()
            try:
                return work(consumer)
            finally:
                consumer.close()
        except KafkaError as error:
            kind = BrokerAwayError if isinstance(error, RetriableError) else BrokerError
            raise kind(f"Kafka at {self.bootstrap}: {error}; is it running, and is the address right?") from error

    def _connect(self) -> Any:
        milliseconds = round(self._answer_seconds * 1000)
        try:
            return KafkaConsumer(
                bootstrap_servers=self.bootstrap,
                bootstrap_timeout_ms=milliseconds,
                request_timeout_ms=milliseconds,
                # The library would soon try only every 30 s, and miss a Kafka that has come up meanwhile.
                reconnect_backoff_max_ms=1000,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=50,
            )
        except KafkaTimeoutError as error:
            raise BrokerAwayError(
                f"Kafka at {self.bootstrap} does not answer within {self._answer_seconds:.0f} s; "
                "is it running, and is the address right?"
            ) from error


def producer(bootstrap: str, **options: Any) -> Any:
    """A producer for tools: acknowledged by all replicas, compressed, in large batches."""
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            compression_type="lz4",
            linger_ms=20,
            batch_size=256 * 1024,
            **options,
        )
    except KafkaError as error:
        raise BrokerError(f"Kafka at {bootstrap}: {error}; is it running, and is the address right?") from error
