"""Records of the internal topic of contacts: facts about known customers, told by one partition of the interactions.

A record holds the facts that one flush tells about the customers of one partition of that topic, in log order. How they
are framed into records is chance; each fact says where it comes from, and a fact told twice is the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from streams.checkpoint import OFFSET_BITS, revision
from streams.conversations.facts import ConversationFact, Kind
from streams.customers.customer import Fact
from streams.customers.fold import NUMBER_BITS, SourcedFact, position
from streams.days import END_MS
from streams.events import conversation_hash
from streams.panes.cells import Cell, CellIndex

FACTS_PER_RECORD = 2_000
HASHES = range(1 << 64)

#: Bounds of what a worker tells: whoever writes into the topic by other means must not end the one who reads it.
Bits16 = Annotated[int, Meta(ge=0, lt=1 << 16)]
#: Together with an offset and a number a position fits into 64 bits.
Epoch = Annotated[int, Meta(ge=0, lt=1 << (64 - OFFSET_BITS - NUMBER_BITS))]
Name = Annotated[str, Meta(max_length=200)]


class WireFact(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A fact. `number` counts the facts that the event at `offset` tells; `cell` is its place among the cells told."""

    offset: Annotated[int, Meta(ge=0, lt=1 << OFFSET_BITS)]
    number: Annotated[int, Meta(ge=0, lt=1 << NUMBER_BITS)]
    at: Annotated[int, Meta(ge=0, lt=END_MS)]
    kind: Annotated[int, Meta(ge=Kind.BEGAN, le=Kind.CONTAINED)]
    customer: Annotated[str, Meta(min_length=1, max_length=64)]
    # Of 64 bits: no constraint can say so, and what does not fit is looked for below.
    conversation: int
    cell: Bits16
    case: Annotated[str, Meta(max_length=64)]


class FactBatch(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Facts told by one partition of the interactions in one epoch, in log order: the value of a record."""

    partition: Bits16
    epoch: Epoch
    cells: Sequence[tuple[Name, Name, Name, Name]]
    facts: Sequence[WireFact]


_decode = msgspec.msgpack.Decoder(FactBatch).decode
_encode = msgspec.msgpack.Encoder().encode


class TargetedRecord(NamedTuple):
    """A value for one partition of the topic of contacts."""

    partition: int
    value: bytes


def fact_batch(partition: int, epoch: int, facts: Iterable[ConversationFact], cells: CellIndex) -> FactBatch:
    """Facts as they go into records."""
    slim = []
    places: dict[int, int] = {}
    number, last_offset = 0, -1
    for fact in facts:
        offset = fact.offset
        number = number + 1 if offset == last_offset else 0
        last_offset = offset
        place = places.setdefault(fact.cell, len(places))
        conversation = conversation_hash(fact.key)
        slim.append(WireFact(offset, number, fact.at, fact.kind, fact.customer, conversation, place, fact.case))
    return FactBatch(partition, epoch, [cells[cell] for cell in places], slim)


def records(fact_batch: FactBatch, partition_count: int) -> Iterator[TargetedRecord]:
    """The records of some facts: those about one customer all go to one partition, in order."""
    by_partition = defaultdict(list)
    for fact in fact_batch.facts:
        by_partition[int(fact.customer[:8], 16) % partition_count].append(fact)
    for partition, facts in sorted(by_partition.items()):
        rest = iter(facts)
        while some := list(islice(rest, FACTS_PER_RECORD)):
            yield TargetedRecord(
                partition, _encode(FactBatch(fact_batch.partition, fact_batch.epoch, fact_batch.cells, some))
            )


def sourced_facts(value: bytes, cells: CellIndex) -> list[SourcedFact]:
    """The facts of a record. Raises msgspec.MsgspecError or IndexError for what is none."""
    found = _decode(value)
    if any(fact.conversation not in HASHES for fact in found.facts):
        raise msgspec.ValidationError("Expected conversations of 64 bits")
    source, epoch_begins = found.partition, revision(found.epoch, 0)
    # All facts are there before any cell gets a number that stays.
    used = [Cell(*found.cells[fact.cell]) for fact in found.facts]
    numbers = {cell: cells.number(cell) for cell in used}
    return [
        SourcedFact(
            source,
            position(epoch_begins | fact.offset, fact.number),
            fact.customer,
            Fact(fact.at, fact.kind, fact.conversation, numbers[cell], fact.case),
        )
        for fact, cell in zip(found.facts, used, strict=True)
    ]
