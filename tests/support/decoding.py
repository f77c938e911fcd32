"""Values of records, and assertions on how the codec treats one: accepted, mended or rejected."""

import json
from dataclasses import dataclass
from typing import Any

from pipeline.contract.codec import Codec, Decoded
from pipeline.contract.validation import REASONS
from streams.events import Event, Rejection

BROKER_MS = 1_709_546_400_000  # 2024-03-04T10:00:00Z
KEY = b"a key for tests"

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/helpdesk",
    "type": "message.created",
    "time": "2024-03-04T10:00:00Z",
    "subject": "conv-1",
    "data": {"actor_kind": "agent"},
}
#: Stands for text written by a person. No detail may reveal any of it.
SECRET = "Anna Schmidt, 0176 5551234"


@dataclass
class Record:
    """A record as the codec reads it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def decode(value: bytes | None, key: bytes | None = None, timestamp: int = BROKER_MS) -> Decoded:
    """Decode one record, at offset 7."""
    return Codec(KEY).decode([Record(7, timestamp, key, value)])


def accepted(value: bytes, key: bytes | None = None, timestamp: int = BROKER_MS) -> Event:
    """Return the event of a value that must be accepted without loss."""
    decoded = decode(value, key, timestamp)
    assert decoded.rejections == []
    assert decoded.dropped_fields == 0
    return decoded.events[0]


def mended(value: bytes, dropped: int = 1) -> Event:
    """Return the event of a value that must be accepted although the `dropped` fields are invalid."""
    decoded = decode(value)
    assert decoded.rejections == []
    assert decoded.dropped_fields == dropped
    return decoded.events[0]


def rejected(value: bytes | None, key: bytes | None = None, timestamp: int = BROKER_MS) -> Rejection:
    """Return the rejection of a value that must be rejected."""
    decoded = decode(value, key, timestamp)
    assert decoded.events == []
    rejection = decoded.rejections[0]
    assert (rejection.offset, rejection.ingested_at) == (7, timestamp)
    assert rejection.reason in REASONS
    assert 0 < len(rejection.detail) < 250
    return rejection


def event(**changes: Any) -> bytes:
    """Return the good event with other attributes."""
    return json.dumps(GOOD | changes).encode()


def message(**data: Any) -> bytes:
    """Return the good event with more fields of data."""
    return event(data=GOOD["data"] | data)


def without(*names: str) -> bytes:
    """Return the good event without some attributes."""
    return json.dumps({name: value for name, value in GOOD.items() if name not in names}).encode()


def spliced(attribute: bytes) -> bytes:
    """Return the good event with one more attribute, byte for byte."""
    return event()[:-1] + b", " + attribute + b"}"


def spliced_data(field: bytes) -> bytes:
    """Return the good event with one more field of data, byte for byte."""
    return event()[:-2] + b", " + field + b"}}"


def brackets(levels: int) -> bytes:
    """Return nested arrays."""
    return b"[" * levels + b"]" * levels
