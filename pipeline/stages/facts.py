"""Records of the internal topic of customer facts, each from one partition of the interactions.

A record holds facts of one flush about the customers of one partition of this topic, in log order. The grouping into
records has no meaning: each fact carries its source, and a fact published twice is identical.
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

#: Bounds of what a worker publishes, so that a foreign record in the topic cannot crash the reader.
Bits16 = Annotated[int, Meta(ge=0, lt=1 << 16)]
#: Bounded so that epoch, offset and number fit into a position of 64 bits.
Epoch = Annotated[int, Meta(ge=0, lt=1 << (64 - OFFSET_BITS - NUMBER_BITS))]
Name = Annotated[str, Meta(max_length=200)]


class WireFact(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A fact. `number` counts the facts of the event at `offset`; `cell` is an index into the batch's cells."""

    offset: Annotated[int, Meta(ge=0, lt=1 << OFFSET_BITS)]
    number: Annotated[int, Meta(ge=0, lt=1 << NUMBER_BITS)]
    at: Annotated[int, Meta(ge=0, lt=END_MS)]
    kind: Annotated[int, Meta(ge=Kind.BEGAN, le=Kind.CONTAINED)]
    customer: Annotated[str, Meta(min_length=1, max_length=64)]
    # 64 bits. msgspec cannot constrain that; `sourced_facts` checks it.
    conversation: int
    cell: Bits16
    case: Annotated[str, Meta(max_length=64)]


class FactBatch(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Facts from one partition of the interactions in one epoch, in log order: the value of a record."""

    partition: Bits16
    epoch: Epoch
    cells: Sequence[tuple[Name, Name, Name, Name]]
    facts: Sequence[WireFact]


_decode = msgspec.msgpack.Decoder(FactBatch).decode
_encode = msgspec.msgpack.Encoder().encode


class TargetedRecord(NamedTuple):
    """A record value for one partition of the topic of customer facts."""

    partition: int
    value: bytes


def fact_batch(partition: int, epoch: int, facts: Iterable[ConversationFact], cells: CellIndex) -> FactBatch:
    """Return facts in the form that is published."""
    wire_facts = []
    places: dict[int, int] = {}
    number, last_offset = 0, -1
    for fact in facts:
        offset = fact.offset
        number = number + 1 if offset == last_offset else 0
        last_offset = offset
        place = places.setdefault(fact.cell, len(places))
        conversation = conversation_hash(fact.key)
        wire_facts.append(WireFact(offset, number, fact.at, fact.kind, fact.customer, conversation, place, fact.case))
    return FactBatch(partition, epoch, [cells[cell] for cell in places], wire_facts)


def records(fact_batch: FactBatch, partition_count: int) -> Iterator[TargetedRecord]:
    """Yield the records of a batch. All facts about one customer go to one partition, in order."""
    by_partition = defaultdict(list)
    for fact in fact_batch.facts:
        by_partition[int(fact.customer[:8], 16) % partition_count].append(fact)
    for partition, facts in sorted(by_partition.items()):
        rest = iter(facts)
        while chunk := list(islice(rest, FACTS_PER_RECORD)):
            yield TargetedRecord(
                partition, _encode(FactBatch(fact_batch.partition, fact_batch.epoch, fact_batch.cells, chunk))
            )


def sourced_facts(value: bytes, cells: CellIndex) -> list[SourcedFact]:
    """Return the facts of a record value. Raises msgspec.MsgspecError or IndexError if it is invalid."""
    batch = _decode(value)
    if any(fact.conversation not in HASHES for fact in batch.facts):
        raise msgspec.ValidationError("Expected conversations of 64 bits")
    source, epoch_begins = batch.partition, revision(batch.epoch, 0)
    # Look up all cells before numbering any: an invalid record must not leave numbers behind.
    used = [Cell(*batch.cells[fact.cell]) for fact in batch.facts]
    numbers = {cell: cells.number(cell) for cell in used}
    return [
        SourcedFact(
            source,
            position(epoch_begins | fact.offset, fact.number),
            fact.customer,
            Fact(fact.at, fact.kind, fact.conversation, numbers[cell], fact.case),
        )
        for fact, cell in zip(batch.facts, used, strict=True)
    ]
