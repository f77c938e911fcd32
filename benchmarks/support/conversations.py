"""Open conversations of ten events each, decoded from bytes as a worker receives them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from pipeline.contract.codec import Codec
from streams.events import Event

EVENTS = 10
BATCH = 1_000
#: Openings are spread over a day, so the panes are those of 1,440 minutes.
START = datetime(2026, 3, 2, tzinfo=UTC)
SPAN_SECONDS = 86_400
CHANNELS = ("phone", "email", "web_chat", "in_app", "messaging", "social_private")
QUEUES = ("billing", "technical", "orders", "returns")
TENANTS = ("north", "south")


class Record(msgspec.Struct):
    """The part of a Kafka record that the codec reads."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def batches(count: int) -> Iterator[list[Event]]:
    """Yield `count` conversations of `EVENTS` events each, all left open, in batches of whole conversations."""
    codec = Codec(b"benchmark")
    records = _records(count)
    while batch := list(islice(records, BATCH * EVENTS)):
        decoded = codec.decode(batch)
        if decoded.rejections:
            raise ValueError(f"expected good events, got {decoded.rejections[0]}")
        yield decoded.events


def _records(count: int) -> Iterator[Record]:
    offset = 0
    for number in range(count):
        opened_at = START + timedelta(seconds=number * SPAN_SECONDS // count)
        for index in range(EVENTS):
            at = opened_at + timedelta(seconds=40 * index)
            value = msgspec.json.encode(_envelope(number, index, at))
            yield Record(offset, int(at.timestamp() * 1000) + 200, None, value)
            offset += 1


def _envelope(number: int, index: int, at: datetime) -> dict[str, Any]:
    """Build one event of a conversation: opened, queued, assigned, then customer and agent in turn, customer last."""
    data: dict[str, Any] = {"actor_kind": "system"}
    kind = ("conversation.opened", "conversation.queued", "conversation.assigned", "message.created")[min(index, 3)]
    if index == 0:
        data = {
            "channel": CHANNELS[number % len(CHANNELS)],
            "direction": "inbound",
            "customer_id": f"customer-{number}",
            "language": "de",
            "topic": "invoice",
        }
    elif index == 1:
        data |= {"queue": QUEUES[number % len(QUEUES)]}
    elif index > 2:
        data = {"actor_kind": "customer" if index % 2 else "agent", "actor_id": f"agent-{number % 500}"}
    return {
        "specversion": "1.0",
        "id": f"event-{number:08d}-{index}",
        "source": "/helpdesk/berlin",
        "type": kind,
        "time": at,
        "subject": f"conversation-{number:08d}",
        "tenant": TENANTS[number % len(TENANTS)],
        "data": data,
    }
