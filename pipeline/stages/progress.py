"""Progress messages: how far each partition is, from the interactions stage to the rolling stage, on one topic.

After every flush, and once a second where there is none. A heartbeat is a bell: the panes themselves are read from
ClickHouse, where they are once it rings. One may get lost, the next one says the same or more. The topic is compacted,
its key names log and partition, so that it holds the last word of each.
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
#: Of one partition, read or not, that are not in ClickHouse yet: more than there are without a backlog.
BEHIND_EVENTS = 10_000

#: Bounds of what a worker says: whoever writes into the topic by other means must not lead stage 2 anywhere.
Offset = Annotated[int, Meta(ge=0, lt=1 << OFFSET_BITS)]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Of one partition of a log: how far the ledger is.

    `log_end` is as of the last fetch. `is_at_end`: everything before it is in the ledger, and no event has come for
    `idle_ms`. `watermark_ms` is UTC epoch ms, 0 before the first event.
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
        """What is compacted away by the next one."""
        return f"{self.log}/{self.partition}".encode()

    @property
    def is_behind(self) -> bool:
        """Whether the partition has much more in Kafka than it would without a backlog."""
        return self.log_end - self.next_offset > BEHIND_EVENTS


_decode = msgspec.json.Decoder(Progress).decode


def decoded(value: bytes | None) -> Progress | None:
    """The heartbeat in a record's value, None when it is none, or one that no worker sends."""
    try:
        found = _decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.partition < found.partition_count else None


class ProgressReporter:
    """Sends what `beats` gives, all at once. Heartbeats that cannot be sent are dropped."""

    def __init__(self, publisher: Publisher, topic: str, beats: Callable[[], Sequence[Progress]]) -> None:
        self._publisher = publisher
        self._topic = topic
        self._beats = beats
        self._is_news = asyncio.Event()

    def notify(self) -> None:
        """A flush is in ClickHouse: say so at once."""
        self._is_news.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_news.wait(), EVERY_SECONDS)
            self._is_news.clear()
            messages = [(beat.key, msgspec.json.encode(beat), ()) for beat in self._beats()]
            if not messages:
                continue
            try:
                await asyncio.wait_for(self._publisher.publish(self._topic, messages), GIVE_UP_SECONDS)
            except (TimeoutError, PublishError) as error:
                logger.debug("heartbeats were lost: %r", error)
