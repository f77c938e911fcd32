"""One partition under faults, step by step: the real worker code over a simulated ledger, without an event loop.

Every wait of a worker's coroutines is a step boundary. Between two steps anything may happen: the process dies, an
insert in flight lands later, its reply gets lost, another worker folds the same partition.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Any
from unittest import mock

import msgspec

from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter
from pipeline.errors import ClickHouseUnavailableError, FencedError
from pipeline.processing import state as ledger_state
from pipeline.processing.partition import PartitionProcessor
from pipeline.stages.customers import partition as customers_worker
from pipeline.stages.customers.partition import customers_processor
from pipeline.stages.facts import FactBatch
from pipeline.stages.interactions import partition as partition_worker
from pipeline.stages.interactions import state as partition_state
from pipeline.stages.interactions.partition import InteractionsJob, interactions_processor
from streams.checkpoint import Checkpoint
from streams.rules import Rules
from tests.support.ledger import SimulatedConversationReader, SimulatedCustomerReader, SimulatedLedger, Store

WORKERS = 3
CODEC = Codec(b"simulated")


class Step:
    """A point at which the process may be interrupted."""

    def __init__(self, work: Callable[[], Any] | None) -> None:
        self.work = work

    def __await__(self) -> Generator["Step", None, None]:
        yield self


async def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    await Step(lambda: work(*arguments))
    result = work(*arguments)
    await Step(None)
    return result


async def _sleep(seconds: float) -> None:
    await Step(None)


@contextmanager
def stepwise() -> Iterator[None]:
    """Make the workers of this process use a simulated ledger, in steps, with a tiny cache."""
    with (
        mock.patch.object(asyncio, "to_thread", _in_thread),
        mock.patch.object(asyncio, "sleep", _sleep),
        mock.patch.object(partition_worker, "PartitionLedger", SimulatedLedger),
        mock.patch.object(partition_state, "PartitionLedger", SimulatedLedger),
        mock.patch.object(partition_state, "ConversationReader", SimulatedConversationReader),
        mock.patch.object(customers_worker, "PartitionLedger", SimulatedLedger),
        mock.patch.object(customers_worker, "CustomerReader", SimulatedCustomerReader),
        mock.patch.object(customers_worker, "CACHED_CUSTOMERS", 3),
        mock.patch.object(ledger_state, "CACHED_PANES_PER_TIER", 6),
        mock.patch.object(partition_state, "CACHED_DEPARTED", 0),
        mock.patch.object(partition_state, "CACHED_CONVERSATIONS", 3),
        mock.patch.object(InteractionsJob, "records_per_step", 4),
    ):
        yield


class Sent:
    """The messages sent to Kafka: offsets of dead letters, and facts as received by one facts partition."""

    def __init__(self) -> None:
        self.letters: set[int] = set()
        self.batches: list[FactBatch] = []

    async def publish_letters(self, letters_sent: Sequence[DeadLetter]) -> None:
        await Step(None)
        self.letters.update(int(dict(letter.headers)["sichtflug-offset"] or b"") for letter in letters_sent)
        await Step(None)

    async def publish_facts(self, batch: FactBatch) -> None:
        # In two records, between which the process may die.
        half = len(batch.facts) // 2
        for half_of_facts in (batch.facts[:half], batch.facts[half:]):
            await Step(None)
            if half_of_facts:
                self.batches.append(msgspec.structs.replace(batch, facts=half_of_facts))
        await Step(None)


def interactions_worker(rules: Rules, store: Store, sent: Sent) -> PartitionProcessor[Any]:
    client: Any = store
    return interactions_processor("log", 0, rules, CODEC, lambda: client, sent.publish_letters, sent.publish_facts)


def customers_of(rules: Rules, store: Store, sent: Sent) -> PartitionProcessor[Any]:
    client: Any = store
    return customers_processor("log", 0, rules, lambda: client)


NewWorker = Callable[[Rules, Store, Sent], PartitionProcessor[Any]]


class Process:
    """A worker and its work in progress: at most one fold and one flush."""

    def __init__(self, worker: PartitionProcessor[Any]) -> None:
        self.worker = worker
        self.worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
        self.doing: dict[str, tuple[Coroutine[Any, Any, Any], Step | None]] = {}

    def begin(self, what: str, work: Coroutine[Any, Any, Any]) -> None:
        self.doing[what] = (work, None)

    def advance(self, what: str) -> None:
        """Do one step. Raises FencedError."""
        work, _ = self.doing[what]
        try:
            step = work.send(None)
        except StopIteration:
            del self.doing[what]
        else:
            self.doing[what] = (work, step)

    def cancel(self, what: str) -> list[Callable[[], Any]]:
        """Cancel the work and live on. Returns the inserts in flight: they may still land."""
        work, step = self.doing.pop(what)
        work.close()
        return [step.work] if step and step.work else []

    def die(self) -> list[Callable[[], Any]]:
        """End at once. Returns the inserts in flight: they may still land."""
        under_way = [step.work for _, step in self.doing.values() if step and step.work]
        for work, _ in self.doing.values():
            work.close()
        self.doing.clear()
        return under_way


class Schedule:
    """Faults in a random order over one log."""

    def __init__(
        self, chance: Random, rules: Rules, records: Sequence[Any], new_worker: NewWorker = interactions_worker
    ) -> None:
        self._new_worker = new_worker
        self._chance = chance
        self._rules = rules
        self._records = records
        self._late: list[Callable[[], Any]] = []
        self._processes: list[Process] = []
        self._active: Process | None = None
        self._is_disturbing = False
        self.sent = Sent()
        #: Counts of faults, by name.
        self.faults: Counter[str] = Counter()
        self.store = Store()
        self.store.disturb = self._disturb
        self.store.is_lost = self._is_lost

    def run(self, steps: int) -> None:
        """Run some steps under faults, then one worker to the end without any. Raises what the workers raise."""
        try:
            for _ in range(steps):
                self._step()
        finally:
            for process in self._processes:
                self._late += process.die()
        while self._late:
            self._land()
        self.store.disturb, self.store.is_lost = lambda: None, lambda: False
        last = self._process()
        self._to_the_end(last)

    def _process(self) -> Process:
        return Process(self._new_worker(self._rules, self.store, self.sent))

    def _to_the_end(self, process: Process) -> None:
        process.begin("fold", process.worker.fold(self._records[process.worker.next_offset :]))
        while process.doing:
            process.advance("fold")
        if process.worker.is_dirty:
            process.begin("flush", process.worker.flush())
        while process.doing:
            process.advance("flush")

    def _step(self) -> None:
        chance = self._chance
        if not self._processes or (len(self._processes) < WORKERS and chance.random() < 0.03):
            self._processes.append(self._process())
            self.faults["restores"] += 1
            self.faults["rivals"] += len(self._processes) > 1
            return
        process = chance.choice(self._processes)
        if chance.random() < 0.04:
            self._processes.remove(process)
            self.faults["kills"] += 1
            self.faults["kills inside a flush"] += "flush" in process.doing
            self._late += [work for work in process.die() if chance.random() < 0.7]
            return
        if "flush" in process.doing and chance.random() < 0.02:
            self.faults["flushes given up"] += 1
            self._late += [work for work in process.cancel("flush") if chance.random() < 0.7]
            return
        self._disturb()
        if process in self._processes:
            self._work(process)

    def _work(self, process: Process) -> None:
        chance, worker = self._chance, process.worker
        possible = list(process.doing)
        if "fold" not in process.doing and worker.next_offset < len(self._records):
            possible.append("begin a fold")
        if "flush" not in process.doing and worker.may_flush:
            possible.append("begin a flush")
        if not possible:
            return
        what = chance.choice(possible)
        if what == "begin a fold":
            # At times from before the position: a redelivery, or a seek that took effect late.
            start = max(0, worker.next_offset - chance.choice((0, 0, 3)))
            self.faults["redeliveries"] += start < worker.next_offset
            end = worker.next_offset + chance.randint(1, 8)
            process.begin("fold", worker.fold(self._records[start:end]))
        elif what == "begin a flush":
            process.begin("flush", worker.flush())
        else:
            self._advance(process, what)

    def _disturb(self) -> None:
        """Interrupt a step or a read: something late arrives, or another process takes a step."""
        if self._is_disturbing:
            return
        self._is_disturbing = True
        try:
            others = [process for process in self._processes if process is not self._active and process.doing]
            if self._late and self._chance.random() < 0.2:
                self._land()
            elif others and self._chance.random() < 0.3:
                self._advance(other := self._chance.choice(others), self._chance.choice(list(other.doing)))
        finally:
            self._is_disturbing = False

    def _is_lost(self) -> bool:
        is_lost = self._chance.random() < 0.05
        self.faults["requests or replies lost"] += is_lost
        return is_lost

    def _advance(self, process: Process, what: str) -> None:
        before, self._active = self._active, process
        try:
            process.advance(what)
        except FencedError:
            self.faults["overtaken"] += 1
            self._processes.remove(process)
            process.die()
        finally:
            self._active = before

    def _land(self) -> None:
        """Let an insert of a dead process arrive now."""
        self.faults["late arrivals"] += 1
        with suppress(FencedError, ClickHouseUnavailableError):
            self._late.pop(self._chance.randrange(len(self._late)))()
