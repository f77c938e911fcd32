"""Records as read from Kafka and published to it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Message = tuple[bytes | None, bytes | None, Sequence[Any]]

Header = tuple[str, bytes | None]


class ReadRecord(NamedTuple):
    """A record with the fields of the client libraries. Header names that are not UTF-8 have backslash escapes."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    checksum: None = None


class UnreadableRecord(NamedTuple):
    """An unreadable record: its raw bytes, and what was expected and found."""

    offset: int
    timestamp: int
    timestamp_type: int
    raw: bytes
    fault: str
    key: None = None
    value: None = None
    headers: Sequence[Header] = ()
    checksum: None = None
