"""Records and rules at and beyond the edges of what is allowed, through a whole worker into the real engine.

A pass is one log under one set of rules: decoded, folded, encoded, inserted and read back; its facts are folded and
counted by the customers stage. Nothing may raise, and every record must be accounted for.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import date
from random import Random
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter, origin, without_value
from pipeline.contract.records import ReadRecord, UnreadableRecord
from pipeline.processing.partition import PartitionProcessor
from pipeline.stages.customers.partition import customers_processor
from pipeline.stages.facts import FactBatch
from pipeline.stages.facts import records as contact_records
from pipeline.stages.interactions.partition import InteractionsJob, interactions_processor
from streams.calendars import Calendar
from streams.checkpoint import Checkpoint
from streams.events import KNOWN_TYPES
from streams.rules import Queue, Rules, RulesConfig, Targets

#: Ten years, the maximum that the rules allow.
LONGEST_SECONDS = 315_360_000
SECONDS = (0, 1, 60, 86_400, LONGEST_SECONDS)
ZONES = ("UTC", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "Antarctica/Troll")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOW_MS = 1_780_000_000_000
STAMPS = (0, -1, 1, NOW_MS, NOW_MS, NOW_MS, 2**62, -(2**62), 2**63 - 1, -(2**63), 4_102_444_799_999, 4_102_444_800_000)
TIMES = (
    "2000-01-01T00:00:00Z",
    "2099-12-31T23:59:59.999Z",
    "2099-12-31T23:59:59.9999999Z",
    "2026-05-28T20:26:40Z",
    "2026-05-28T20:26:39.999+05:45",
    "2026-05-29T00:00:00Z",
    "2015-02-28T23:59:59Z",
    "1999-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2026-05-28T20:26:40",
)
TEXTS = (
    "",
    "a",
    "q1",
    "\0",
    "a\nb",
    "\ud83d",
    "\U0001f600" * 200,
    "\U0001f600" * 512,
    "x" * 200,
    "x" * 201,
    "x" * 512,
    "x" * 513,
    "(other)",
    "'\\\t\"",
    None,
)
NUMBERS = (0, 1, 255, 256, -1, 10**10, 10**10 + 1, 2**53, 2**63, 2**64, 10**40, 1.5, "7")
SUBJECTS = ("c", "c", "c", "d", "e\nf", "\0", "\U0001f600" * 256, "x" * 512)
FIELDS = ("queue", "tier", "topic", "priority", "language", "cohort", "customer_id", "actor_id", "case_id", "root_id")
CHOICES: dict[str, Sequence[Any]] = {
    "channel": ("email", "phone", "social_public", "self_service", "unheard_of", "Not a name", None),
    "visibility": ("private", "public", "", "odd"),
    "direction": ("inbound", "outbound", "internal", "odd"),
    "actor_kind": ("customer", "peer", "agent", "bot", "system", "odd"),
    "kind": ("functional", "hierarchical", "handoff", "regulatory", "odd"),
    "waiting_on": ("agent", "customer", "third_party", "", "odd"),
    "clock": ("first_response", "next_response", "resolution", "odd"),
    "level": NUMBERS,
    "reach": NUMBERS,
    "due_at": (*TIMES, "0001-01-01T00:00:00Z"),
    "into_id": TEXTS,
    "thread_id": TEXTS,
}
KEYS = (b"k", b"k", None, b"", b"\xff", b"x" * 513)
HEADERS = ((), (), (("n", None),), (("Stra\\xdfe", b"v"), ("", b"")))


class Pass(NamedTuple):
    """The outcome of the records of one log."""

    consumed: int
    applied: int
    duplicate: int
    rejected: int
    stored: int
    letters: int


def rules(chance: Random) -> RulesConfig:
    """Return random valid rules."""

    def targets() -> Targets:
        return Targets(*(chance.choice((None, *SECONDS)) for _ in range(3)))

    hours: dict[str, tuple[str, ...]] = {
        day: ("00:00-24:00",) if chance.random() < 0.5 else ("09:00-12:00", "13:00-17:30") for day in WEEKDAYS
    }
    holidays = tuple(date(year, 12, 25) for year in range(2000, 2100, chance.randint(1, 50)))
    return RulesConfig(
        targets=targets(),
        queues={"q1": Queue("office", targets()), "a": Queue("", targets())},
        calendars={"office": Calendar(chance.choice(ZONES), {"wed": ("23:30-23:31",)} | hours, holidays)},
        idle_limit_seconds={"": chance.choice(SECONDS), "phone": chance.choice(SECONDS)}
        if chance.random() < 0.7
        else {},
        allowed_lateness_seconds=chance.choice(SECONDS),
        reporting_zone=chance.choice(ZONES),
        cell_limit=chance.choice((10, 100_000)),
    )


def value(chance: Random, number: int) -> bytes | None:
    """Return an event, or something that is not one."""
    draw = chance.random()
    if draw < 0.02:
        return None
    if draw < 0.05:
        return chance.randbytes(chance.randint(0, 40))
    data = {name: chance.choice(choices) for name, choices in CHOICES.items() if chance.random() < 0.6}
    data |= {name: chance.choice(TEXTS) for name in FIELDS if chance.random() < 0.3}
    if chance.random() < 0.9:
        data |= {"channel": "email", "actor_kind": chance.choice(("customer", "agent")), "kind": "functional"}
        data["into_id"] = "d"
    event = {
        "specversion": "1.0",
        "id": chance.choice(TEXTS) if draw < 0.15 else f"{chance.randint(0, number)}",
        "source": chance.choice(("/s",) * 9 + ("x" * 512, "\U0001f600" * 512, "a\nb")),
        "type": chance.choice(sorted(KNOWN_TYPES)) if draw < 0.95 else chance.choice(("odd.type", "", "x" * 512)),
        "time": chance.choice(TIMES[: 7 if chance.random() < 0.9 else len(TIMES)]),
        "subject": chance.choice(SUBJECTS),
        "tenant": chance.choice(TEXTS) if draw < 0.3 else "",
        "data": data,
    }
    encoded = bytearray(json.dumps(event, ensure_ascii=True).encode())
    for _ in range(0 if chance.random() < 0.95 else chance.randint(1, 3)):
        encoded[chance.randrange(len(encoded))] = chance.randrange(256)
    return bytes(encoded)


def log(chance: Random, count: int) -> list[Any]:
    """Return records as a fetch returns them, with holes between their offsets."""
    found: list[Any] = []
    offset = chance.choice((0, 2**39))
    stamped = chance.choice((0, 1))
    # Without an earlier usable timestamp, a record from the far future is accepted unclamped.
    stamps = chance.choice((STAMPS, (0, -1, 2**62), (NOW_MS,), (4_102_444_799_999,)))
    for number in range(count):
        stamp = chance.choice(stamps)
        if chance.random() < 0.02:
            found.append(UnreadableRecord(offset, stamp, stamped, b"\xff\0raw", "expected a record, found none"))
        else:
            key, headers = chance.choice(KEYS), chance.choice(HEADERS)
            found.append(ReadRecord(offset, stamp, stamped, key, value(chance, number), headers))
        offset += chance.choice((1, 1, 1, 7))
    return found


def run_pass(seed: int, url: str, database: str, count: int) -> Pass:
    """Run one log under its own rules, in a database with all migrations. Raises whatever must not be raised."""
    chance = Random(seed)
    return asyncio.run(_run(chance, log(chance, count), f"fuzz-{seed}", lambda: ClickHouse(url, database)))


async def _run(chance: Random, records: list[Any], topic: str, connect: Callable[[], ClickHouse]) -> Pass:
    compiled = Rules(rules(chance))
    codec = Codec(b"key")
    letters: list[DeadLetter] = []
    facts: list[bytes] = []

    async def publish_letters(batch: Sequence[DeadLetter]) -> None:
        letters.extend(batch)

    async def publish_facts(batch: FactBatch) -> None:
        facts.extend(record.value for record in contact_records(batch, 1))

    def restored() -> PartitionProcessor[InteractionsJob]:
        worker = interactions_processor(topic, 0, compiled, codec, connect, publish_letters, publish_facts)
        worker.restore(lambda: Checkpoint(epoch=1, next_offset=records[0].offset, partition_count=1))
        return worker

    half = len(records) // 2
    for part in (records[:half], records[half:]):
        # The second half starts from what the first left in the ledger.
        worker = restored()
        await _folded(worker, part)
        books = worker.checkpoint.books
        worker.close()
    for letter in letters:
        _can_be_sent(letter)
        _can_be_sent(without_value(letter))
        assert origin(letter.headers) is not None

    customers = customers_processor(f"{topic}.customer-facts", 0, compiled, connect)
    customers.restore(lambda: Checkpoint(epoch=1, partition_count=1))
    values = facts + [forged(chance, facts) for _ in range(20)]
    await _folded(customers, [ReadRecord(number, NOW_MS, 1, None, value, ()) for number, value in enumerate(values)])
    sums = customers.checkpoint.books
    assert sums.consumed == sums.applied + sums.duplicate + sums.rejected
    customers.close()

    client = connect()
    [(stored,)] = client.rows(f"SELECT count() FROM interactions FINAL WHERE log = '{topic}'")
    client.close()
    return Pass(books.consumed, books.applied, books.duplicate, books.rejected, int(stored), len(letters))


async def _folded(worker: PartitionProcessor[Any], records: Sequence[Any]) -> None:
    if records:
        await worker.fold(records)
        # A flush that ClickHouse refuses would be retried for ever if the error is classified as transient.
        async with asyncio.timeout(60):
            await worker.flush()


def _can_be_sent(letter: DeadLetter) -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 24)
    assert builder.append(0, NOW_MS, letter.key, letter.value, letter.headers) is not None


def forged(chance: Random, facts: Sequence[bytes]) -> bytes:
    """Return a foreign record of the customer facts topic: random bytes, or a fact with a few bytes changed."""
    if not facts or chance.random() < 0.2:
        return chance.randbytes(chance.randint(0, 60))
    changed = bytearray(chance.choice(facts))
    for _ in range(chance.randint(1, 6)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)
