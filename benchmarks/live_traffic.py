"""A producer of simulated events at the pace of the wall clock, which notes when Kafka acknowledged each."""

import time
from typing import Any

import msgspec

from benchmarks.processes import MeasurementError, answer, arguments_of
from benchmarks.traffic import SEED
from pipeline.broker import producer
from pipeline.live import HASTE
from pipeline.simulation import simulate

#: Good events a second once all simulated conversations are under way. From 30 to 60 s after the simulation's start
#: some of them are not yet, and 5,000 records a second come.
SIMULATED_RATE_PER_SECOND = 7_300.0
#: Sent at the same pace before the first measured record.
BEFORE_SECONDS = 30
SHORTEST_SLEEP_SECONDS = 0.005
LATEST_START_SECONDS = 0.5


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
    """The records of the measured seconds, and how many were sent in all, the ones before them included."""

    measured: list[Acknowledged]
    sent_count: int


def publish(run: Run) -> Published:
    """Send at the pace of the wall clock until the measured seconds are over.

    Raises MeasurementError when the producer is behind at the first measured record, or a record is not acknowledged.
    """
    start_ms = time.time_ns() // 1_000_000
    measured_from_ms = start_ms + 1000 * BEFORE_SECONDS
    until_ms = measured_from_ms + 1000 * run.seconds
    traffic = simulate(
        SEED,
        SIMULATED_RATE_PER_SECOND,
        start_ms,
        until_ms=until_ms,
        id_prefix="live",
        follows_the_day=False,
        haste=HASTE,
    )
    measured: list[Acknowledged] = []
    failures: list[Exception] = []

    def note(record: Any) -> None:
        measured.append(Acknowledged(record.partition, record.offset, time.monotonic()))

    sender = producer(run.bootstrap)
    sent_count = expected_count = 0
    try:
        for item in traffic:
            ahead_seconds = item.send_at_ms / 1000 - time.time()
            if ahead_seconds > 0:
                time.sleep(max(ahead_seconds, SHORTEST_SLEEP_SECONDS))
            sent = sender.send(run.topic, key=item.key, value=item.value, timestamp_ms=item.send_at_ms)
            sent.add_errback(failures.append)
            sent_count += 1
            if item.send_at_ms >= measured_from_ms:
                if not expected_count and ahead_seconds < -LATEST_START_SECONDS:
                    raise MeasurementError(f"the producer is {-ahead_seconds:.1f} s behind when the measuring begins")
                sent.add_callback(note)
                expected_count += 1
        sender.flush()
    finally:
        sender.close()
    if failures or len(measured) != expected_count:
        raise MeasurementError(f"{len(measured)} of {expected_count} records acknowledged; failures: {failures[:1]}")
    return Published(measured, sent_count)


if __name__ == "__main__":
    answer(publish(arguments_of(Run)))
