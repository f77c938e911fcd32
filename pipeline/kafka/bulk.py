"""Producers for tools that send many records."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
)

from pipeline.contract.records import Header
from pipeline.errors import BrokerError

ACKNOWLEDGED_SECONDS = 60.0
#: After an error or Ctrl-C, how long to wait for each outstanding acknowledgement.
LAST_ANSWERS_SECONDS = 1.0


def producer(bootstrap: str, **options: Any) -> Any:
    """Return a producer for tools: acknowledged by all replicas, compressed, in large batches."""
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            compression_type="lz4",
            linger_ms=20,
            batch_size=256 * 1024,
            # The default waits up to half a minute before it tries a broker again.
            reconnect_backoff_max_ms=1_000,
            **options,
        )
    except KafkaError as error:
        raise BrokerError(f"Kafka at {bootstrap}: {error}; is it running, and is the address right?") from error


class Send(Protocol):
    """A function that queues a record for sending. Raises KafkaError if an earlier one was refused."""

    def __call__(self, key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()) -> None: ...


@contextmanager
def bulk_producer(bootstrap: str, topic: str) -> Iterator[Send]:
    """Yield a function that sends records to a topic. When the block ends, Kafka has acknowledged all of them.

    Raises BrokerError, at the latest at the end of the block; records sent before may have arrived.
    """
    sender = producer(bootstrap)
    # The outcome of each record, because the producer's own `flush` fails after it had to split a batch.
    outcomes: SimpleQueue[object] = SimpleQueue()
    outstanding = 0

    def send(key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()) -> None:
        nonlocal outstanding
        # kafka-python writes no header without a value.
        sent = [(name, text or b"") for name, text in headers]
        sender.send(topic, key=key, value=value, headers=sent).add_both(outcomes.put)
        outstanding += 1
        while not outcomes.empty():
            settle(0)

    def settle(timeout_seconds: float) -> None:
        nonlocal outstanding
        try:
            outcome = outcomes.get(timeout=timeout_seconds)
        except Empty:
            raise KafkaTimeoutError(f"no answer within {timeout_seconds:.0f} s") from None
        outstanding -= 1
        if isinstance(outcome, Exception):
            raise outcome

    try:
        yield send
        while outstanding:
            settle(ACKNOWLEDGED_SECONDS)
    except KafkaError as error:
        raise BrokerError(
            f"Kafka at {bootstrap}: not all records were acknowledged by {topic}: {error!r}; fix that and run it again"
        ) from error
    finally:
        # With records outstanding, `close` would raise, now and when the producer is garbage-collected.
        with suppress(Empty):
            while outstanding:
                outcomes.get(timeout=LAST_ANSWERS_SECONDS)
                outstanding -= 1
        with suppress(KafkaError):
            sender.close(0)
