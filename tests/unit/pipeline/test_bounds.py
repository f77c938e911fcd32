"""A worker's memory is bounded, whatever is sent."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pipeline.contract import codec as codec_module
from pipeline.contract.codec import Codec
from pipeline.processing import id_filter as known_ids
from pipeline.processing.id_filter import IdFilter
from streams.checkpoint import Checkpoint
from streams.panes import cells as cells_module
from streams.panes.cells import OTHER, Cell, CellIndex
from streams.rules import Rules, RulesConfig
from tests.support.ledger import Store
from tests.support.schedules import Sent, interactions_worker, stepwise

#: 512 characters, 2 KiB.
WIDE = "\U0001f680" * 512
LONG = ("root_id", "thread_id", "into_id", "customer_id", "actor_id", "case_id")
SPOKEN = {"actor_kind": "customer"}


class Record(msgspec.Struct):
    offset: int
    value: bytes | None
    timestamp: int = 1_709_546_400_000
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def event(number: int, **fields: Any) -> Record:
    made = {
        "specversion": "1.0",
        "id": str(number),
        "source": "/desk",
        "type": "message.created",
        "time": "2024-03-04T10:00:00Z",
        "subject": "c",
        "data": {"actor_kind": "customer"},
    }
    return Record(number, msgspec.json.encode(made | fields))


def kept_texts(codec: Codec, prefix: str) -> int:
    """Return how many texts with this beginning the codec holds, in whatever form."""
    seen: set[int] = set()
    waiting: list[Any] = [codec]
    found = 0
    while waiting:
        held = waiting.pop()
        if id(held) in seen or isinstance(held, type) or callable(held):
            continue
        seen.add(id(held))
        found += isinstance(held, str) and held.startswith(prefix)
        # The collector does not visit the texts that are keys of a dictionary.
        waiting += [*held, *held.values()] if isinstance(held, dict) else gc.get_referents(held)
    return found


@pytest.mark.parametrize("tenant_count", [1, 7, 500])
def test_names_are_cached_up_to_one_bound_for_all_tenants_together(
    monkeypatch: pytest.MonkeyPatch, tenant_count: int
) -> None:
    monkeypatch.setattr(codec_module, "CACHED_NAMES", 100)
    codec = Codec(b"key")
    pseudonyms: dict[int, str] = {}
    for again in (False, True):
        records = (
            event(
                number,
                tenant=f"t{number % tenant_count}",
                data={"actor_kind": "customer", "customer_id": f"name {number}"},
            )
            for number in range(1_000)
        )
        for record in records:
            [found] = codec.decode([record]).events
            assert pseudonyms.setdefault(record.offset, found.customer) == found.customer
            assert kept_texts(codec, "name ") <= 100
        assert len(set(pseudonyms.values())) == 1_000, again


def test_arbitrary_sources_and_types_are_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_module, "CACHED_SOURCES", 100)
    codec = Codec(b"key")
    for number in range(1_000):
        assert codec.decode([event(number, source=f"source {number}", type=f"invented.{number}")]).events
    # Each source is held by name and in the prefix of its keys.
    assert kept_texts(codec, "source ") <= 3 * 100
    # An interned text is one object as long as it is referenced; from Python 3.12 on, for ever.
    [first], [second] = (codec.decode([event(0, type="invented.by.somebody")]).events for _ in range(2))
    assert first.type == second.type
    assert id(first.type) != id(second.type)
    [first], [second] = (codec.decode([event(0)]).events for _ in range(2))
    assert id(first.type) == id(second.type)


def test_beyond_the_bound_unknown_ids_may_pass_as_known_and_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_ids, "LEAST_EXPECTED", 10)
    monkeypatch.setattr(known_ids, "REMEMBERED_IDS", 100)
    known = IdFilter()
    spread = [number * 0x9E3779B97F4A7C15 % (1 << 64) for number in range(1_000)]
    # 10 + 20 + 40: three filters, a fourth would exceed the bound.
    known.add(spread[:70])
    assert all(value in known for value in spread[:70])
    assert sum(value in known for value in spread[70:]) < 100
    known.add(spread[70:])
    assert known.is_full
    assert all(value in known for value in spread)


def test_cells_beyond_the_numbers_available_are_counted_in_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "CELL_MASK", 3)
    cells = CellIndex()
    numbers = [cells.number(Cell("", f"q{number}", "email", "private")) for number in range(6)]
    assert numbers == [0, 1, 2, 3, 3, 3]
    assert cells[3] == Cell(OTHER, OTHER, OTHER, "")
    assert cells.number(Cell("", "q1", "email", "private")) == 1


@pytest.mark.parametrize(
    ("value", "pending"),
    [
        # 50 letters of 100,000 bytes take the memory of 5,000 events at a thousand bytes each.
        (lambda number: b"x" * 100_000, 5_000),
        # Five texts of 2 KiB each; the ids of people and cases become short.
        (lambda number: event(number, subject=WIDE, source=WIDE, data=dict.fromkeys(LONG, WIDE) | SPOKEN).value, 500),
        # Like events.
        (lambda number: event(number).value, 50),
    ],
    ids=["dead letters", "long texts", "usual"],
)
def test_pending_work_is_counted_by_its_memory(value: Callable[[int], bytes], pending: int) -> None:
    records = [Record(number, value(number)) for number in range(50)]
    with stepwise():
        worker = interactions_worker(Rules(RulesConfig()), Store(), Sent())
        worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
        asyncio.run(worker.fold(records))
    assert pending <= worker.pending_count <= 1.4 * pending
