"""Dead letters: rejected records go aside whole, with the reason and their origin."""

import re
from collections.abc import Sequence, Set
from hashlib import blake2b
from typing import Any, NamedTuple

from pipeline.contract.records import Header, UnreadableRecord
from pipeline.contract.validation import REASONS
from streams.days import END_MS
from streams.events import Rejection

_NUMBER = re.compile(rb"-?[0-9]+")

#: What may travel with a letter that is too large for Kafka: headers and a key up to this size.
SMALL_BYTES = 65_536

#: What a dead letter says of itself, behind the headers that the record had, and in this order.
OWN_HEADERS = (
    "sichtflug-reason",
    "sichtflug-field",
    "sichtflug-detail",
    "sichtflug-topic",
    "sichtflug-partition",
    "sichtflug-offset",
    "sichtflug-time",
)
#: On a letter without its value, which was too large for one: how large it was, and its BLAKE2b-256.
VALUE_BYTES, VALUE_HASH = "sichtflug-value-bytes", "sichtflug-value-hash"
#: On a letter whose value is a record's bytes as Kafka stores them, because no reader gets more out of them.
RAW = "sichtflug-raw"
#: On a record that was published again: where it had lain, as topic[partition]@offset.
REDRIVEN_FROM = "sichtflug-redriven-from"


class DeadLetter(NamedTuple):
    """A rejected record: its key and value as they came, and headers that say why and where from."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


def dead_letter(topic: str, partition: int, record: Any, rejection: Rejection) -> DeadLetter:
    """The dead letter of a record. The original headers are kept in front of ours."""
    origin_texts = (topic, str(partition), str(record.offset), str(rejection.ingested_at))
    texts = (rejection.reason, rejection.field, rejection.detail, *origin_texts)
    ours = ((name, text.encode()) for name, text in zip(OWN_HEADERS, texts, strict=True))
    if isinstance(record, UnreadableRecord):
        return DeadLetter(None, record.raw, [*ours, (RAW, str(len(record.raw)).encode())])
    return DeadLetter(record.key, record.value, [*record.headers, *ours])


def without_value(letter: DeadLetter) -> DeadLetter:
    """The letter where Kafka takes none of its size: the record itself stays where it was, by topic and offset.

    The key and the record's own headers stay if they are small.
    """
    value = letter.value or b""
    told = (
        (VALUE_BYTES, str(len(value)).encode()),
        (VALUE_HASH, blake2b(value, digest_size=32).hexdigest().encode()),
    )
    records, ours = divided(letter.headers)
    is_small = sum(len(name) + len(text or b"") for name, text in records) <= SMALL_BYTES
    key = letter.key if letter.key is None or len(letter.key) <= SMALL_BYTES else None
    return DeadLetter(key, None, [*(records if is_small else ()), *ours, *told])


def divided(headers: Sequence[Header]) -> tuple[Sequence[Header], Sequence[Header]]:
    """The headers of a letter: those of the record, which may bear any names, and what the letter says of itself."""
    begins = [number for number, (name, _) in enumerate(headers) if name == OWN_HEADERS[0]]
    at = begins[-1] if begins else len(headers)
    return headers[:at], headers[at:]


class Origin(NamedTuple):
    """Where and when a rejected record lay in its topic (broker time, epoch ms), and why it was rejected."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    reason: str


def origin(headers: Sequence[Header]) -> Origin | None:
    """What the headers of a dead letter say, None when it is none of ours. A time that no broker gives becomes one."""
    said = {name: text for name, text in divided(headers)[1] if text is not None}
    try:
        found = Origin(
            said["sichtflug-topic"].decode(),
            _number(said["sichtflug-partition"]),
            _number(said["sichtflug-offset"]),
            max(0, min(_number(said["sichtflug-time"]), END_MS)),
            said["sichtflug-reason"].decode(),
        )
    except (KeyError, ValueError):
        return None
    is_ours = found.reason in REASONS and 0 <= found.partition < 1 << 16 and 0 <= found.offset < 1 << 63
    return found if is_ours else None


def _number(text: bytes) -> int:
    """An integer as we write it. Raises ValueError for what Python would read as one besides."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"expected an integer, got {text!r}")
    return int(text)


def redriven(found: Origin, letter: DeadLetter) -> DeadLetter:
    """The record as it was, and where it comes from."""
    headers = [header for header in divided(letter.headers)[0] if header[0] != REDRIVEN_FROM]
    return DeadLetter(letter.key, letter.value, [*headers, (REDRIVEN_FROM, place(*found[:3]))])


def is_without_value(letter: DeadLetter) -> bool:
    """Whether the record itself lies at its origin only, or nobody can read it."""
    return any(name in (VALUE_HASH, RAW) for name, _ in divided(letter.headers)[1])


def has_come_back(letter: DeadLetter, sent: Set[bytes]) -> bool:
    """Whether the record is a copy of one that was sent from one of these places."""
    return any(name == REDRIVEN_FROM and text in sent for name, text in divided(letter.headers)[0])


def place(topic: str, partition: int, offset: int) -> bytes:
    """Where a record lies, as a redriven copy of it says."""
    return f"{topic}[{partition}]@{offset}".encode()
