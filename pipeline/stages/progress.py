"""Progress messages: how far each partition is, from the interactions stage to the rolling stage.

Sent after every flush, and once a second otherwise. A progress message is only a signal; readers fetch the panes from
ClickHouse, where they already are. A lost message does no harm, because the next one supersedes it. The topic is
compacted by log and partition, so it keeps the last message of each.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.errors import PublishError
from pipeline.kafka.producer import Publisher
from streams.checkpoint import OFFSET_BITS
from streams.days import END_MS

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
GIVE_UP_SECONDS = 5.0
#: Consumer lag of a partition, measured from the ledger, above which it counts as behind. Exceeds that of normal
#: operation.
BEHIND_EVENTS = 10_000

#: Bounds of what a worker sends, so that a foreign record in the topic cannot mislead the rolling stage.
Offset = Annotated[int, Meta(ge=0, lt=1 << OFFSET_BITS)]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of one partition of a log, as stored in the ledger.

    `log_end` is as of the last fetch. `is_at_end` means that everything before it is in the ledger; no event has
    arrived for `idle_ms`. `watermark_ms` is UTC epoch ms, 0 before the first event.
    """

    log: str
    partition: Annotated[int, Meta(ge=0, lt=1 << 16)]
    partition_count: Annotated[int, Meta(ge=1, le=1 << 16)]
    epoch: Annotated[int, Meta(ge=0, lt=1 << (64 - OFFSET_BITS))]
    next_offset: Offset
    log_end: Offset
    watermark_ms: Annotated[int, Meta(ge=0, lt=END_MS)]
    is_at_end: bool
    idle_ms: Annotated[int, Meta(ge=0, lt=END_MS)]

    @property
    def key(self) -> bytes:
        """The key for compaction: log and partition."""
        return f"{self.log}/{self.partition}".encode()

    @property
    def is_behind(self) -> bool:
        """Whether the partition's consumer lag exceeds that of normal operation."""
        return self.log_end - self.next_offset > BEHIND_EVENTS


_decode = msgspec.json.Decoder(Progress).decode


def decoded(value: bytes | None) -> Progress | None:
    """Return the progress message in a record's value; None if it is not one that a worker sends."""
    try:
        progress = _decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return progress if progress.partition < progress.partition_count else None


class ProgressReporter:
    """Publishes the messages that `current` returns. Messages that cannot be sent are dropped."""

    def __init__(self, publisher: Publisher, topic: str, current: Callable[[], Sequence[Progress]]) -> None:
        self._publisher = publisher
        self._topic = topic
        self._current = current
        self._has_news = asyncio.Event()

    def notify(self) -> None:
        """Publish at once, because a flush has reached ClickHouse."""
        self._has_news.set()

    async def run(self) -> None:
        """Publish after each `notify` and at least every `EVERY_SECONDS`, for ever."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_news.wait(), EVERY_SECONDS)
            self._has_news.clear()
            messages = [(progress.key, msgspec.json.encode(progress), ()) for progress in self._current()]
            if not messages:
                continue
            try:
                await asyncio.wait_for(self._publisher.publish(self._topic, messages), GIVE_UP_SECONDS)
            except (TimeoutError, PublishError) as error:
                logger.debug("progress messages were dropped: %r", error)
