"""Answers that break off behind a status of success: each read notices, and is repeated."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from test_ledger import new_worker, traffic

from pipeline import migrations
from pipeline.clickhouse import ClickHouse, Unavailable
from pipeline.embedded import EmbeddedClickHouse
from pipeline.ledger import Ledger, read_checkpoint
from streams.panes import Cells
from streams.rules import Rules

ERROR = b"Code: 241. DB::Exception: (total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)\n"


class Cutting(ClickHouse):
    """A real database whose answers end in the middle: at the end of a line, within one, or with an error."""

    how = ""

    def _cut(self, body: bytes) -> bytes:
        half = body[: body.find(b"\n", len(body) // 2) + 1] if b"\n" in body else body[: len(body) // 2]
        return {"": body, "at a line": half, "within a line": body[: len(body) * 2 // 3], "error": half + ERROR}[
            self.how
        ]

    def raw(self, query: str, output_format: str, settings: Mapping[str, Any] | None = None) -> bytes:
        return self._cut(super().raw(query, output_format, settings))

    def stream(self, query: str, output_format: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        yield self._cut(b"".join(super().stream(query, output_format, chunk_bytes)))


@pytest.fixture
def door(clickhouse: EmbeddedClickHouse) -> Iterator[Cutting]:
    name = f"whole_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    found = Cutting(clickhouse.url, name)
    yield found
    found.execute(f"DROP DATABASE {name}")
    found.close()


@pytest.mark.parametrize("how", ["at a line", "within a line", "error"])
def test_no_read_of_the_ledger_takes_half_an_answer_for_all_there_is(door: Cutting, how: str) -> None:
    async def fold() -> list[str]:
        worker = new_worker(door, "log", Rules())
        await worker.fold(traffic(seed=3))
        await worker.flush()
        worker.close()
        return list(worker.partition.conversations)

    keys = asyncio.run(fold())
    assert len(keys) > 100
    ledger = Ledger(door, "log", 0, Cells())
    reads: Sequence[Any] = (
        lambda: [list(slice_) for slice_ in ledger.hashes()],
        lambda: ledger.read_back(keys, 1 << 62),
        lambda: ledger.newest_panes(1, "hour", 100_000),
        lambda: read_checkpoint(door, "log = 'log' AND kafka_partition = 0"),
    )
    wanted = [len(read() or "") if n < 3 else read() for n, read in enumerate(reads)]
    assert sum(len(one) for one in ledger.hashes()) == len(keys)
    for number, read in enumerate(reads):
        door.how = how
        # What is one value on one line cannot be cut at the end of a line.
        if not (how == "at a line" and number in (0, 3)):
            with pytest.raises(Unavailable, match=r"broke off|was empty"):
                read()
        door.how = ""
        assert (len(read()) if number < 3 else read()) == wanted[number]


def test_half_a_slice_of_open_conversations_is_gone_on_with(door: Cutting) -> None:
    async def fold() -> int:
        worker = new_worker(door, "log", Rules())
        await worker.fold(traffic(seed=3))
        await worker.flush()
        worker.close()
        return worker.partition.open_count

    open_count = asyncio.run(fold())
    assert open_count > 20
    door.how = "at a line"
    found = [key for rows in Ledger(door, "log", 0, Cells()).open_conversations() for key, _ in rows]
    assert len(found) == len(set(found)) == open_count
