"""Restore of very many open conversations: its duration, and how long it stalls the event loop.

Also the time to read back a few conversations on demand, as when an event of theirs arrives.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from random import Random

import msgspec

from benchmarks.support.filled_ledger import LOG, PARTITION, Run
from benchmarks.support.processes import MeasurementError, answer, arguments_of, resident_bytes
from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter
from pipeline.ledger.conversations import ConversationReader
from pipeline.ledger.store import PartitionLedger
from pipeline.stages.interactions.partition import interactions_processor
from streams.checkpoint import Checkpoint
from streams.panes.cells import CellIndex
from streams.rules import Rules, RulesConfig

BEAT_SECONDS = 0.01
LONG_PAUSE_SECONDS = 0.1
READ_BACKS, READ_BACK_COUNT = 20, 26
NEWEST_REVISION = 1 << 62


class Restore(msgspec.Struct):
    """Wall and CPU seconds of the restore, event-loop stalls during it, and resident memory of the process afterwards.

    Stalls: how late the loop's task woke at worst, and how often by more than `LONG_PAUSE_SECONDS`. `read_back_seconds`
    is the median for `READ_BACK_COUNT` conversations by key.
    """

    conversation_count: int
    seconds: float
    cpu_seconds: float
    longest_pause_seconds: float
    long_pause_count: int
    resident_bytes: int
    read_back_seconds: float


class _LatencyProbe:
    """A task that sleeps repeatedly and records by how many seconds it woke late."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        while True:
            due_at = time.perf_counter() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self.late.append(time.perf_counter() - due_at)


async def restore(run: Run) -> Restore:
    """Restore once, in a thread as the worker does."""
    worker = interactions_processor(
        LOG, PARTITION, Rules(RulesConfig()), Codec(b""), lambda: ClickHouse(run.url, run.database), _no_dead_letters
    )
    probe = _LatencyProbe()
    probing = asyncio.create_task(probe.run())
    await asyncio.sleep(0.2)
    probe.late.clear()
    started_at, started_cpu = time.perf_counter(), time.process_time()
    await asyncio.to_thread(worker.restore, _no_checkpoint)
    seconds, cpu = time.perf_counter() - started_at, time.process_time() - started_cpu
    await asyncio.sleep(2 * BEAT_SECONDS)
    probing.cancel()
    count = len(worker.job.fold.conversations)
    if count != run.count:
        raise MeasurementError(f"expected {run.count} conversations restored, found {count}")
    long = sum(pause > LONG_PAUSE_SECONDS for pause in probe.late)
    resident, keys = resident_bytes(), sorted(worker.job.fold.conversations)
    worker.close()
    return Restore(count, seconds, cpu, max(probe.late), long, resident, _read_back(run, keys))


def _read_back(run: Run, keys: Sequence[str]) -> float:
    """Return the median seconds to read back a few conversations that are stored far apart."""
    chance, lasted = Random(run.count), []
    client = ClickHouse(run.url, run.database)
    reader = ConversationReader(PartitionLedger(client, LOG, PARTITION, "conversation", CellIndex()))
    for _ in range(READ_BACKS):
        wanted = chance.sample(keys, READ_BACK_COUNT)
        started_at = time.perf_counter()
        found = reader.read_back(wanted, NEWEST_REVISION)
        lasted.append(time.perf_counter() - started_at)
        if len(found) != READ_BACK_COUNT:
            raise MeasurementError(f"expected {READ_BACK_COUNT} conversations read back, found {len(found)}")
    client.close()
    return statistics.median(lasted)


def _no_checkpoint() -> Checkpoint:
    raise MeasurementError("expected a checkpoint in the ledger, found none")


async def _no_dead_letters(letters: Sequence[DeadLetter]) -> None:
    raise MeasurementError("a restore publishes nothing")


if __name__ == "__main__":
    answer(asyncio.run(restore(arguments_of(Run))))
