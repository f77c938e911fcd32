"""Time per step: the steps of a worker one after the other, in one thread, over the same events."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, TypeVar, TypeVarTuple

import msgspec

from benchmarks.support.processes import answer, arguments_of
from benchmarks.support.traffic import Topic, connected, fetches
from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.ledger.rows import RowEncoder, checkpoint_section, ledger_block
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.id_filter import IdFilter
from pipeline.stages.facts import fact_batch
from pipeline.stages.facts import records as contact_records
from pipeline.stages.interactions.partition import RECORDS_PER_STEP
from pipeline.stages.interactions.rows import EventRowEncoder
from streams.checkpoint import Checkpoint
from streams.events import Event, conversation_hash
from streams.fold import ConversationFold
from streams.panes.cache import PaneCache
from streams.panes.cells import CellIndex
from streams.panes.deltas import PaneDeltas
from streams.rules import Rules, RulesConfig

#: Records of one partition per flush: its share of one second at 50,000 events a second over four partitions.
FLUSHED_RECORDS = 12_500
#: Of the customer facts topic.
CONTACTS_PARTITIONS = 4
PASSES = 3

DECODE = "decode, validate, pseudonymise"
KNOWN = "look up known conversations"
FOLD = "fold"
TELL = "take: customer facts"
CONVERSATIONS = "take: encode conversations"
ROLL_UP = "take: roll panes up"
INTERACTIONS = "encode rows of `interactions`"
PANES = "encode panes and the ledger's block"
INSERT_INTERACTIONS = "insert into `interactions` (HTTP and engine)"
INSERT_LEDGER = "insert into `ledger` (HTTP and engine)"
STAGES = (DECODE, KNOWN, FOLD, TELL, CONVERSATIONS, ROLL_UP, INTERACTIONS, PANES, INSERT_INTERACTIONS, INSERT_LEDGER)

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Run(msgspec.Struct, frozen=True):
    """The topic to read and the empty database to write to."""

    topic: Topic
    url: str
    database: str


class Stages(msgspec.Struct):
    """Wall microseconds per event by step, the median of the passes, and what each flush inserted."""

    microseconds: dict[str, float]
    flush_count: int
    ledger_rows_per_flush: float


class _Pass:
    """One pass over all records of all partitions, under its own log name."""

    def __init__(self, client: ClickHouse, log: str) -> None:
        self._client = client
        self._log = log
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.flush_count = self.ledger_row_count = 0

    def partition(self, number: int, records: Sequence[Any]) -> None:
        """Do what a worker does with the log of one partition, without Kafka, threads and waiting."""
        rules, cells, codec = Rules(RulesConfig()), CellIndex(), Codec(b"")
        partition, panes, known = ConversationFold(rules, cells), PaneCache(), IdFilter()
        rows, event_rows = RowEncoder(rules, cells), EventRowEncoder(rules, cells, self._log, number)
        ledger = PartitionLedger(self._client, self._log, number, "conversation", cells)
        timed = self._timed
        for first in range(0, len(records), FLUSHED_RECORDS):
            flushed = records[first : first + FLUSHED_RECORDS]
            next_offset = flushed[-1].offset + 1
            checkpoint = Checkpoint(epoch=1, next_offset=next_offset)
            revision = checkpoint.revision
            sections = []
            for start in range(0, len(flushed), RECORDS_PER_STEP):
                decoded = timed(DECODE, codec.decode, flushed[start : start + RECORDS_PER_STEP])
                timed(KNOWN, _look_up, decoded.events, partition, known)
                accepted = timed(FOLD, partition.fold, decoded.events)
                if accepted:
                    sections.append(timed(INTERACTIONS, event_rows.interactions, accepted))

            def encode_facts() -> Any:
                known_facts = fact_batch(number, 1, partition.take_facts(), cells)
                return list(contact_records(known_facts, CONTACTS_PARTITIONS))

            timed(TELL, encode_facts)
            keys = list(partition.take_touched())
            found = [partition.conversations[key] for key in keys]
            conversations = timed(CONVERSATIONS, rows.conversations, keys, found)
            deltas = timed(ROLL_UP, PaneDeltas.rolled_up, partition.deltas.take())
            events = timed(INTERACTIONS, event_rows.block, 1, sections)
            timed(INSERT_INTERACTIONS, ledger.insert, "interactions", events, first, revision)

            def block() -> Any:
                sections = [conversations, checkpoint_section(checkpoint), rows.panes(1, panes.add(deltas))]  # noqa: B023
                return ledger_block(self._log, number, revision, sections)  # noqa: B023

            encoded = timed(PANES, block)
            timed(INSERT_LEDGER, ledger.insert, "ledger", encoded, first, revision)
            self.flush_count += 1
            self.ledger_row_count += encoded.row_count

    def _timed(self, stage: str, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        started_at = time.perf_counter()
        result = work(*arguments)
        self.seconds[stage] += time.perf_counter() - started_at
        return result


def _look_up(events: Sequence[Event], partition: ConversationFold, known: IdFilter) -> list[str]:
    """Return the keys that the worker would read back; with an empty ledger, almost none."""
    keys = {event.key for event in events}
    missing = {key: conversation_hash(key) for key in keys.difference(partition.conversations)}
    unsure = [key for key, value in missing.items() if value in known]
    known.add(missing.values())
    return unsure


async def main() -> None:
    """Read the topic into memory, pass over it, and answer with `Stages`."""
    run = arguments_of(Run)
    logs: defaultdict[int, list[Any]] = defaultdict(list)
    async with connected(run.topic) as consumer:
        async for found in fetches(consumer, run.topic):
            for number, records in found.items():
                logs[number] += records
    client = ClickHouse(run.url, run.database)
    passes = [_Pass(client, f"pass-{number}") for number in range(PASSES)]
    for one_pass in passes:
        for number, records in sorted(logs.items()):
            one_pass.partition(number, records)
    client.close()
    scale = 1e6 / run.topic.event_count
    last = passes[-1]
    answer(
        Stages(
            {stage: median(one_pass.seconds[stage] for one_pass in passes) * scale for stage in STAGES},
            last.flush_count,
            last.ledger_row_count / last.flush_count,
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
