"""Dead letters: rejected records, kept whole with their reason and origin."""

import re
from collections.abc import Sequence, Set
from hashlib import blake2b
from typing import Any, NamedTuple

from pipeline.contract.records import Header, UnreadableRecord
from pipeline.contract.validation import REASONS
from streams.days import END_MS
from streams.events import Rejection

_NUMBER = re.compile(rb"-?[0-9]+")

#: A dead letter without its value keeps its key, and the record's headers, if they are no larger than this.
SMALL_BYTES = 65_536

#: Headers added to a dead letter, after those of the record and in this order.
OWN_HEADERS = (
    "sichtflug-reason",
    "sichtflug-field",
    "sichtflug-detail",
    "sichtflug-topic",
    "sichtflug-partition",
    "sichtflug-offset",
    "sichtflug-time",
)
#: On a dead letter whose value was too large for Kafka: the value's size in bytes, and its BLAKE2b-256.
VALUE_BYTES, VALUE_HASH = "sichtflug-value-bytes", "sichtflug-value-hash"
#: On a dead letter whose value is an unreadable record's bytes, as stored by Kafka.
RAW = "sichtflug-raw"
#: On a redriven record: its origin, as topic[partition]@offset.
REDRIVEN_FROM = "sichtflug-redriven-from"


class DeadLetter(NamedTuple):
    """A rejected record: its original key and value, and headers with reason and origin."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


def dead_letter(topic: str, partition: int, record: Any, rejection: Rejection) -> DeadLetter:
    """Return the dead letter of a record. The record's headers precede the added ones."""
    origin_texts = (topic, str(partition), str(record.offset), str(rejection.ingested_at))
    texts = (rejection.reason, rejection.field, rejection.detail, *origin_texts)
    ours = ((name, text.encode()) for name, text in zip(OWN_HEADERS, texts, strict=True))
    if isinstance(record, UnreadableRecord):
        return DeadLetter(None, record.raw, [*ours, (RAW, str(len(record.raw)).encode())])
    return DeadLetter(record.key, record.value, [*record.headers, *ours])


def without_value(letter: DeadLetter) -> DeadLetter:
    """Return a dead letter without its value, for one that is too large for Kafka; the record remains at its origin.

    Key and headers of the record are kept if they are small.
    """
    value = letter.value or b""
    described = (
        (VALUE_BYTES, str(len(value)).encode()),
        (VALUE_HASH, blake2b(value, digest_size=32).hexdigest().encode()),
    )
    records, ours = divided(letter.headers)
    is_small = sum(len(name) + len(text or b"") for name, text in records) <= SMALL_BYTES
    key = letter.key if letter.key is None or len(letter.key) <= SMALL_BYTES else None
    return DeadLetter(key, None, [*(records if is_small else ()), *ours, *described])


def divided(headers: Sequence[Header]) -> tuple[Sequence[Header], Sequence[Header]]:
    """Return the headers of a dead letter in two parts: those of the record, whatever their names, and the added."""
    begins = [number for number, (name, _) in enumerate(headers) if name == OWN_HEADERS[0]]
    at = begins[-1] if begins else len(headers)
    return headers[:at], headers[at:]


class Origin(NamedTuple):
    """Topic, partition, offset and broker time (epoch ms) of a rejected record, and the reason."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    reason: str


def origin(headers: Sequence[Header]) -> Origin | None:
    """Return the origin in the headers of a dead letter; None if they are not from a worker. Clamps invalid times."""
    added = {name: text for name, text in divided(headers)[1] if text is not None}
    try:
        source = Origin(
            added["sichtflug-topic"].decode(),
            _number(added["sichtflug-partition"]),
            _number(added["sichtflug-offset"]),
            max(0, min(_number(added["sichtflug-time"]), END_MS)),
            added["sichtflug-reason"].decode(),
        )
    except (KeyError, ValueError):
        return None
    is_valid = source.reason in REASONS and 0 <= source.partition < 1 << 16 and 0 <= source.offset < 1 << 63
    return source if is_valid else None


def _number(text: bytes) -> int:
    """Return an integer as workers write it. Raises ValueError for other notations that Python accepts."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"expected an integer, got {text!r}")
    return int(text)


def redriven(source: Origin, letter: DeadLetter) -> DeadLetter:
    """Return the original record with a header that names its origin."""
    headers = [header for header in divided(letter.headers)[0] if header[0] != REDRIVEN_FROM]
    return DeadLetter(letter.key, letter.value, [*headers, (REDRIVEN_FROM, place(*source[:3]))])


def is_without_value(letter: DeadLetter) -> bool:
    """Return whether a dead letter lacks the record's value, because it was too large or is unreadable."""
    return any(name in (VALUE_HASH, RAW) for name, _ in divided(letter.headers)[1])


def has_come_back(letter: DeadLetter, sent: Set[bytes]) -> bool:
    """Return whether the record was redriven from one of these places."""
    return any(name == REDRIVEN_FROM and text in sent for name, text in divided(letter.headers)[0])


def place(topic: str, partition: int, offset: int) -> bytes:
    """Return the place of a record, in the form of the header of redriven records."""
    return f"{topic}[{partition}]@{offset}".encode()
