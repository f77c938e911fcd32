"""A producer that sends simulated events at wall-clock pace and records when Kafka acknowledged each.

It stands for many processes on machines of their own, so it must take little of the cores that the worker needs: the
events are simulated in advance, and librdkafka sends them.
"""

import gc
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from confluent_kafka import Producer

from benchmarks.support.processes import MeasurementError, answer, arguments_of
from benchmarks.support.traffic import SEED
from pipeline.commands.simulate import SPEEDUP
from pipeline.simulation import simulate

#: Valid events a second once all simulated conversations are under way. From 30 to 60 s after the simulation's start
#: some have not begun yet, and 5,000 records a second are sent.
SIMULATED_RATE_PER_SECOND = 7_300.0
#: Sent at the same pace before the first measured record.
BEFORE_SECONDS = 30
#: From the start of the process to the first record sent: time to simulate the events.
PREPARATION_SECONDS = 60
SHORTEST_WAIT_SECONDS = 0.02
LATEST_START_SECONDS = 0.5
LATEST_ANSWER_SECONDS = 30.0


class Run(msgspec.Struct, frozen=True):
    """The topic, and the number of seconds to measure."""

    bootstrap: str
    topic: str
    seconds: int


class Acknowledged(msgspec.Struct, frozen=True, array_like=True):
    """The position of a record, and when (`time.monotonic`, seconds) its acknowledgement reached the producer."""

    partition: int
    offset: int
    at: float


class Published(msgspec.Struct):
    """The records of the measured period, its start (`time.monotonic`), and the total number of records sent."""

    measured: list[Acknowledged]
    began_at: float
    sent_count: int


class _Sender:
    """A sender that publishes records one by one and tracks the acknowledgements of the measured ones."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.failures: list[str] = []
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                # The broker works by batch, and a record is timed from its acknowledgement.
                "linger.ms": 50,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def wait(self, seconds: float) -> None:
        """Wait, processing acknowledgements meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._producer.poll(left)

    def send(self, item: Any, *, counts: bool) -> None:
        """Send a simulated record, and record its acknowledgement if it is measured."""
        answered = self._note if counts else self._check
        self._producer.produce(self._topic, item.value, item.key, timestamp=item.send_at_ms, on_delivery=answered)

    def close(self) -> None:
        """Wait for the remaining acknowledgements. Raises MeasurementError if any record was not acknowledged."""
        left = self._producer.flush(LATEST_ANSWER_SECONDS)
        if left or self.failures:
            raise MeasurementError(f"{left} records without an answer, {len(self.failures)}: {self.failures[:1]}")

    def _note(self, error: Any, record: Any) -> None:
        self._check(error, record)
        self.acknowledged.append(Acknowledged(record.partition(), record.offset(), time.monotonic()))

    def _check(self, error: Any, record: Any) -> None:
        if error is not None:
            self.failures.append(str(error))


def publish(run: Run) -> Published:
    """Send at wall-clock pace until the measured period is over.

    Raises MeasurementError if the producer lags at the first measured record, or a record is not acknowledged.
    """
    start_ms = time.time_ns() // 1_000_000 + 1000 * PREPARATION_SECONDS
    measured_from_ms = start_ms + 1000 * BEFORE_SECONDS
    items = _simulated(start_ms, measured_from_ms + 1000 * run.seconds)
    sender = _Sender(run.bootstrap, run.topic)
    began_at = 0.0
    for item in items:
        ahead_seconds = item.send_at_ms / 1000 - time.time()
        if ahead_seconds > 0:
            sender.wait(max(ahead_seconds, SHORTEST_WAIT_SECONDS))
        is_measured = item.send_at_ms >= measured_from_ms
        if is_measured and not began_at:
            began_at = time.monotonic()
            if ahead_seconds < -LATEST_START_SECONDS:
                raise MeasurementError(f"the producer is {-ahead_seconds:.1f} s behind when the measuring begins")
        sender.send(item, counts=is_measured)
    sender.close()
    return Published(sender.acknowledged, began_at, len(items))


def _simulated(start_ms: int, until_ms: int) -> Sequence[Any]:
    """Return all records of that time, in sending order."""
    items = list(
        simulate(
            SEED,
            SIMULATED_RATE_PER_SECOND,
            start_ms,
            until_ms=until_ms,
            id_prefix="live",
            follows_the_day=False,
            speedup=SPEEDUP,
        )
    )
    # Hundreds of thousands of long-lived objects: a collection would stall the sender.
    gc.freeze()
    return items


if __name__ == "__main__":
    answer(publish(arguments_of(Run)))
