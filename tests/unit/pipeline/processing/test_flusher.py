"""When a partition is flushed: by the time since its last flush, its pending events and its waiting records."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.processing.flusher import SECONDS_BEHIND, Flusher
from pipeline.processing.partition import PENDING_EVENTS

PARTITION = 3
INTERVAL_SECONDS = 0.75


async def is_flushed(seconds_ago: float, pending_count: int, lag: int, partition_count: int = 1) -> bool:
    """Return whether a flush begins, given the time since the last one and the pending and waiting counts."""
    flushed: list[int] = []

    async def flush() -> Any:
        flushed.append(PARTITION)
        return SimpleNamespace(seconds=0.0, row_count=1, oldest_ingested_at=1)

    async def committed(*_: Any) -> None:
        pass

    worker: Any = SimpleNamespace(
        may_flush=True, pending_count=pending_count, last_flush_at=time.monotonic() - seconds_ago, flush=flush
    )
    flusher = Flusher(
        dict.fromkeys(range(PARTITION, PARTITION + partition_count), worker),
        SimpleNamespace(flushed=lambda *_: None),  # type: ignore[arg-type]
        INTERVAL_SECONDS,
        is_assigned=lambda: True,
        lag=lambda *_: lag,
        committed=committed,
        fenced=committed,
        failed=lambda *_: None,
    )
    flusher.flush_if_due(PARTITION, worker)
    await flusher.wait_for(PARTITION)
    return bool(flushed)


@pytest.mark.parametrize(
    ("seconds_ago", "pending_count", "lag", "partition_count", "is_due"),
    [
        (0.7, 400, 0, 1, False),
        (0.8, 400, 0, 1, True),
        # As many wait as are pending: one more batch, no backlog.
        (0.8, 400, 400, 1, True),
        (0.8, 400, 401, 1, False),
        (SECONDS_BEHIND - 0.1, 4_000, 50_000, 1, False),
        (SECONDS_BEHIND, 4_000, 50_000, 1, True),
        # Once caught up, it is fresh again.
        (0.8, 4_000, 3_000, 1, True),
        # Memory is bounded nevertheless.
        (0.0, PENDING_EVENTS, 10 * PENDING_EVENTS, 1, True),
        # A flush every 0.2 s in total, even where that is longer than either interval.
        (3.9, 400, 0, 20, False),
        (3.9, 400, 1_000, 20, False),
        (4.0, 400, 1_000, 20, True),
    ],
)
def test_a_lagging_partition_is_flushed_less_often(
    seconds_ago: float, pending_count: int, lag: int, partition_count: int, is_due: bool
) -> None:
    assert asyncio.run(is_flushed(seconds_ago, pending_count, lag, partition_count)) is is_due
