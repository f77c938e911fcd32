"""Memory of an open conversation of ten events: resident memory of a process that holds many of them."""

import ctypes
from itertools import islice

import msgspec

from benchmarks.support.conversations import batches
from benchmarks.support.processes import answer, arguments_of, resident_bytes
from streams.conversations.conversation import OPEN
from streams.fold import ConversationFold
from streams.panes.cells import CellIndex
from streams.rules import Rules, RulesConfig

WARM_UP = 1_000


class Run(msgspec.Struct, frozen=True):
    """The number of conversations to hold."""

    count: int


class Memory(msgspec.Struct):
    """Bytes of resident memory per conversation, including its entry in the dictionary, without panes."""

    count: int
    bytes_per_conversation: float


def measure(count: int) -> Memory:
    """Build the conversations and compare resident memory before and after."""
    rules = Rules(RulesConfig())
    _fill(ConversationFold(rules, CellIndex()), WARM_UP)
    _trim_heap()
    before = resident_bytes()
    partition = ConversationFold(rules, CellIndex())
    _fill(partition, count)
    _trim_heap()
    grown = resident_bytes() - before
    if len(partition.conversations) != count:
        raise ValueError(f"expected {count} conversations, got {len(partition.conversations)}")
    for conversation in islice(partition.conversations.values(), WARM_UP):
        if conversation.state != OPEN:
            raise ValueError(f"expected open conversations, got one that is {conversation.state}")
    return Memory(count, grown / count)


def _fill(partition: ConversationFold, count: int) -> None:
    """Fold them. Pane deltas and customer facts are discarded batch by batch, as a flush would take them."""
    for events in batches(count):
        partition.fold(events)
        partition.take_touched()
        partition.deltas.take()
        partition.take_facts()


def _trim_heap() -> None:
    """Make the allocator return free memory, so that only what is held counts (glibc; a no-op elsewhere)."""
    resident_bytes()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    answer(measure(arguments_of(Run).count))
