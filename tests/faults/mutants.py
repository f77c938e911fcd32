"""Mutants of the worker, made by changing its source: each breaks one rule of the ledger's protocol.

A change whose place is not found is an error, so a mutant cannot silently become the real worker.
"""

import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest import mock

from pipeline.clickhouse.client import ClickHouse
from pipeline.kafka.consumer import GroupConsumer
from pipeline.kafka.transport import BatchConsumer
from pipeline.ledger.conversations import ConversationReader
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.partition import PartitionProcessor
from pipeline.processing.state import StateCache
from pipeline.stages.interactions.state import InteractionsState
from pipeline.worker import Worker


class Change(NamedTuple):
    """A replacement of one text by another in the source of a method."""

    owner: type
    method: str
    old: str
    new: str


ACKNOWLEDGED = "        self.checkpoint = checkpoint\n"
SECTIONS = "sections = [*flush.rows, checkpoint_section(checkpoint), panes]"
PUBLISH = "row_count = await job.publish(flush.outbox, checkpoint, first_offset)"
SECOND_INSERT = (
    '        await retry_in_thread(self._where, job.ledger.insert, "ledger", self._rest, first_offset, revision)\n'
)


def _in_two(first: str, second: str) -> list[Change]:
    rest = f"self._rest = ledger_block(self.log, self.kafka_partition, checkpoint.revision, [{second}])"
    return [
        Change(PartitionProcessor, "_ledger_block", SECTIONS, f"{rest}; sections = [{first}]"),
        Change(PartitionProcessor, "flush", ACKNOWLEDGED, SECOND_INSERT + ACKNOWLEDGED),
    ]


MUTANTS: dict[str, Sequence[Change]] = {
    "a flush is split into two inserts": _in_two("*flush.rows, checkpoint_section(checkpoint)", "panes"),
    "the checkpoint goes before the data": _in_two("checkpoint_section(checkpoint)", "*flush.rows, panes"),
    "rows of an unacknowledged flush are evicted": [
        Change(
            PartitionProcessor,
            "flush",
            "        flush = self.take()\n",
            "        flush = self.take()\n        self.job.cache.evict()\n",
        )
    ],
    "an evicted conversation starts over": [
        Change(StateCache, "read_back", "            if not unsure:\n", "            if True:\n")
    ],
    "an evicted pane starts over": [
        Change(PartitionProcessor, "flush", "        if missing:\n", "        if False:\n")
    ],
    "revisions read back are not compared": [
        Change(PartitionLedger, "check_not_fenced", "if newest > newest_revision:", "if False:")
    ],
    "the watermark is not restored": [
        Change(
            InteractionsState,
            "restore",
            "restore(checkpoint.watermark, checkpoint.books, checkpoint.broker_at)",
            "restore(0, checkpoint.books, checkpoint.broker_at)",
        )
    ],
    "the books are not restored": [
        Change(
            InteractionsState,
            "restore",
            "restore(checkpoint.watermark, checkpoint.books, checkpoint.broker_at)",
            "restore(checkpoint.watermark, type(checkpoint.books)(), checkpoint.broker_at)",
        )
    ],
    "the admitted cells are not restored": [
        Change(InteractionsState, "restore", "if admitted or not checkpoint.next_offset:", "if admitted := []:"),
        Change(InteractionsState, "restore", "self._reader.counted_cells()", "[]"),
    ],
    "the ids of a conversation's events are not restored": [
        Change(ConversationReader, "_conversation", "bytes.fromhex(row.event_digests)", "b''")
    ],
    "a restore does not check that the checkpoint is unchanged": [
        Change(
            StateCache,
            "load",
            "return checkpoint if ledger.revision() == (stored.revision if stored else 0) else None",
            "return checkpoint",
        )
    ],
    "a stored value depends on the wall clock": [
        Change(PartitionProcessor, "take", "reason=self.checkpoint.reason", "reason=str(time.monotonic())")
    ],
    "a flush follows an abandoned one": [
        Change(PartitionProcessor, "flush", "        self._is_flushing = True\n", "        self._is_flushing = False\n")
    ],
    "the hash of a conversation is salted": [
        Change(StateCache, "read_back", "{key: conversation_hash(key)", "{key: conversation_hash(f'{id(self)}{key}')")
    ],
    "the outbox is published after the commit point": [
        Change(PartitionProcessor, "flush", PUBLISH, "row_count = 0"),
        Change(PartitionProcessor, "flush", ACKNOWLEDGED, f"{ACKNOWLEDGED}        {PUBLISH}\n"),
    ],
}


UNNOTICED = [Change(GroupConsumer, "_follows", "if 0 <= batch.start <= expected:", "if True:")]
#: Detected only by tests with real processes: they break the clients of ClickHouse, Kafka and Faust.
PROCESS_MUTANTS: dict[str, Sequence[Change]] = {
    "an incomplete insert is accepted": [Change(ClickHouse, "insert", "if written != row_count:", "if False:")],
    "a worker starts from Kafka's committed offsets": [
        Change(BatchConsumer, "perform_seek", "if restored:", "if False:"),
        *UNNOTICED,
    ],
    "a lost fetch is not noticed": UNNOTICED,
    "an exception in the fold is survived": [
        Change(
            Worker,
            "failed",
            "os._exit(EXIT_REFUSED if isinstance(error, SichtflugError) else EXIT_BUG)",
            "return",
        )
    ],
}


#: A dependency of the worker hangs, while the worker itself keeps every rule.
HANGING: dict[str, Sequence[Change]] = {
    "the client hangs when leaving the group": [
        Change(GroupConsumer, "stop", "await self._app.stop()", "await asyncio.Event().wait()")
    ],
    "a thread of the client never ends": [
        Change(
            GroupConsumer,
            "stop",
            "await self._app.stop()",
            "await self._app.stop(); import threading; "
            "asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)",
        )
    ],
}


def wrong_worker(mutant: str = "", *, bug_after: int = 0, lost_fetch: int = 0, bug_on: str = "") -> list[str]:
    """Return the command of a worker with the given faults.

    It breaks the rule of `mutant`; its fold raises at the event number `bug_after`; it loses each `lost_fetch`th fetch;
    it raises at the conversation `bug_on`: `fold` in its fold, `flush` in an encoder.
    """
    return [sys.executable, "-m", "tests.faults.wrong_worker", mutant, str(bug_after), str(lost_fetch), bug_on]


@contextmanager
def mutated(changes: Sequence[Change]) -> Iterator[None]:
    """Replace the methods by their mutants inside the block."""
    sources: dict[tuple[type, str], str] = {}
    for owner, method, old, new in changes:
        source = sources.get((owner, method)) or inspect.getsource(getattr(owner, method))
        if source.count(old) != 1:
            raise LookupError(f"expected {old!r} once in {owner.__name__}.{method}, found it {source.count(old)} times")
        sources[owner, method] = source.replace(old, new)
    with ExitStack() as stack:
        for (owner, method), source in sources.items():
            names: dict[str, Any] = {}
            exec(textwrap.dedent(source), vars(sys.modules[owner.__module__]), names)
            stack.enter_context(mock.patch.object(owner, method, names[method]))
        yield
