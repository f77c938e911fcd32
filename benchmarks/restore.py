"""Restore of very many open conversations: how long it takes, and how long the event loop stands still meanwhile."""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from benchmarks.filled_ledger import LOG, PARTITION, Run
from benchmarks.processes import MeasurementError, answer, arguments_of, resident_bytes
from pipeline.clickhouse import ClickHouse
from pipeline.codec import Codec
from pipeline.dead_letter import DeadLetter
from pipeline.partition_worker import PartitionWorker
from streams.checkpoint import Checkpoint
from streams.rules import RuleBook, Rules

BEAT_SECONDS = 0.01
LONG_PAUSE_SECONDS = 0.1


class Restore(msgspec.Struct):
    """Wall and CPU seconds of the restore, how late the loop's task woke at worst and how often by more than
    `LONG_PAUSE_SECONDS`, and the resident memory of the process afterwards."""

    conversation_count: int
    seconds: float
    cpu_seconds: float
    longest_pause_seconds: float
    long_pause_count: int
    resident_bytes: int


class _Beat:
    """A task that sleeps again and again and notes how late it is woken, in seconds."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        while True:
            due_at = time.perf_counter() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self.late.append(time.perf_counter() - due_at)


async def restore(run: Run) -> Restore:
    """Restore once, in a thread as the worker does."""
    worker = PartitionWorker(
        LOG, PARTITION, RuleBook(Rules()), Codec(b""), lambda: ClickHouse(run.url, run.database), _no_dead_letters
    )
    beat = _Beat()
    beating = asyncio.create_task(beat.run())
    await asyncio.sleep(0.2)
    beat.late.clear()
    started_at, started_cpu = time.perf_counter(), time.process_time()
    await asyncio.to_thread(worker.restore, _no_checkpoint)
    seconds, cpu = time.perf_counter() - started_at, time.process_time() - started_cpu
    await asyncio.sleep(2 * BEAT_SECONDS)
    beating.cancel()
    count = len(worker.partition.conversations)
    if count != run.count:
        raise MeasurementError(f"expected {run.count} conversations restored, found {count}")
    long = sum(pause > LONG_PAUSE_SECONDS for pause in beat.late)
    result = Restore(count, seconds, cpu, max(beat.late), long, resident_bytes())
    worker.close()
    return result


def _no_checkpoint() -> Checkpoint:
    raise MeasurementError("expected a checkpoint in the ledger, found none")


async def _no_dead_letters(letters: Sequence[DeadLetter]) -> None:
    raise MeasurementError("a restore publishes nothing")


if __name__ == "__main__":
    answer(asyncio.run(restore(arguments_of(Run))))
