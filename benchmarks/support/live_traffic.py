"""A producer of simulated events at the pace of the wall clock, which notes when Kafka acknowledged each.

It stands for the many processes that would send them, on machines of their own. So the events are simulated before the
first is sent, and librdkafka sends them: both take much less of the cores that the worker needs.
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

#: Good events a second once all simulated conversations are under way. From 30 to 60 s after the simulation's start
#: some of them are not yet, and 5,000 records a second come.
SIMULATED_RATE_PER_SECOND = 7_300.0
#: Sent at the same pace before the first measured record.
BEFORE_SECONDS = 30
#: From the begin of the process to the first record sent: time to simulate them.
PREPARATION_SECONDS = 60
SHORTEST_WAIT_SECONDS = 0.02
LATEST_START_SECONDS = 0.5
LATEST_ANSWER_SECONDS = 30.0


class Run(msgspec.Struct, frozen=True):
    """The topic, and for how many seconds records are measured."""

    bootstrap: str
    topic: str
    seconds: int


class Acknowledged(msgspec.Struct, frozen=True, array_like=True):
    """Where a record lies, and the instant of `time.monotonic` (seconds) at which the producer was told so."""

    partition: int
    offset: int
    at: float


class Published(msgspec.Struct):
    """The records of the measured seconds, when these began (`time.monotonic`), and how many records were sent in all,
    the ones before them included."""

    measured: list[Acknowledged]
    began_at: float
    sent_count: int


class _Sender:
    """Sends one record after the other, and notes what becomes of those that count."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.failures: list[str] = []
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                # A broker's work is by batch, and a record counts from its acknowledgement on.
                "linger.ms": 50,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def wait(self, seconds: float) -> None:
        """Take answers meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._producer.poll(left)

    def send(self, item: Any, *, counts: bool) -> None:
        """Send a simulated record; its answer is noted when it counts."""
        answered = self._note if counts else self._check
        self._producer.produce(self._topic, item.value, item.key, timestamp=item.send_at_ms, on_delivery=answered)

    def close(self) -> None:
        """Wait for the last answers. Raises MeasurementError when any record was not acknowledged."""
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
    """Send at the pace of the wall clock until the measured seconds are over.

    Raises MeasurementError when the producer is behind at the first measured record, or a record is not acknowledged.
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
    """All records of that time, in the order in which they are sent."""
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
    # Hundreds of thousands of objects that stay: a collection would hold up what is sent.
    gc.freeze()
    return items


if __name__ == "__main__":
    answer(publish(arguments_of(Run)))
