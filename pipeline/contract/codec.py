"""From record bytes to events: decode, validate, pseudonymise. A whole batch at a time.

The usual event passes through one typed msgspec decode. What does not goes the slow way through `lenient`, which either
mends it (optional fields of a wrong kind are dropped and counted) or names what is wrong with it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple, Protocol

import msgspec

from pipeline.contract.instants import (
    EPOCH,
    SHORT_BYTES,
    WrittenEnvelope,
    check_written_offset,
    due_at,
    long_instant,
    short_instant,
)
from pipeline.contract.records import UnreadableRecord
from pipeline.contract.validation import (
    IDENTIFIER_LIMIT,
    MAX_NESTING,
    InvalidRecordError,
    check_nesting,
    decode_leniently,
)
from streams.days import END_MS
from streams.events import EMPTY_DATA, KNOWN_TYPES, REQUIRED_FIELDS, Envelope, Event, Rejection, conversation_key

MAX_VALUE_BYTES = 1 << 20
CLAMP_MS = 5_000
REJECT_AHEAD_MS = 30 * 86_400_000
EARLIEST_MS = 946_684_800_000  # 2000-01-01
MILLISECOND = timedelta(milliseconds=1)
#: Names of people and cases whose pseudonyms are kept, of all tenants together.
CACHED_NAMES = 200_000
CACHED_SOURCES = 10_000
#: One text for each type that means something; of the others, anybody may send as many as they like.
TYPES = {name: name for name in KNOWN_TYPES}


class Record(Protocol):
    """What the codec reads of a Kafka record (aiokafka's ConsumerRecord has it)."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Decoded(msgspec.Struct):
    """A batch: the events and the rejections, each in log order, and how many optional fields were dropped or cut.

    `broker_at` is the last usable timestamp of the log so far, 0 where there was none.
    """

    events: list[Event]
    rejections: list[Rejection]
    dropped_fields: int
    broker_at: int


class Codec:
    """Decodes batches. `pseudonym_key` keys the hash that replaces ids of customers, actors and cases (to 64 bytes)."""

    def __init__(self, pseudonym_key: bytes) -> None:
        self._key = pseudonym_key
        self._tenants: dict[str, _Pseudonyms] = {}
        self._name_count = 0
        self._sources: dict[str, _Source] = {}
        self._decode = msgspec.json.Decoder(WrittenEnvelope).decode

    def pseudonym(self, tenant: str, name: str) -> str:
        """22 hexadecimal digits that stand for a name within a tenant, the same in every process with the same key."""
        return self._tenant(tenant)[name]

    def decode(self, records: Sequence[Record], broker_at: int = 0) -> Decoded:
        """Events and rejections of a batch of records; raises nothing for any bytes and any timestamps.

        `broker_at` is the last usable timestamp of the log before the batch: it stands for those of 0 or less, and
        beyond what the ledger's minutes can hold. While there is none, no event is compared with the broker's clock.
        """
        events: list[Event] = []
        rejections: list[Rejection] = []
        dropped_fields = 0
        decode, event_of = self._decode, self._event
        for record in records:
            value, timestamp = record.value, record.timestamp
            if 0 < timestamp < END_MS:
                broker_at = timestamp
            try:
                if value is None:
                    raise _without_value(record)
                if len(value) > MAX_VALUE_BYTES:
                    raise InvalidRecordError(
                        "too_large", "", f"expected at most {MAX_VALUE_BYTES} bytes, got {len(value)}"
                    )
                if len(value) > 2 * MAX_NESTING:  # each level takes two brackets
                    check_nesting(value)
                try:
                    envelope = decode(value)
                    written = envelope.time
                    moment = short_instant(written) if len(written) <= SHORT_BYTES else long_instant(written)
                    if moment.tzinfo is not UTC:
                        check_written_offset(written)
                    event = event_of(record, envelope, moment, broker_at)
                except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                    mended, dropped = decode_leniently(value)
                    dropped_fields += dropped
                    event = event_of(record, mended, mended.time, broker_at)
                events.append(event)
            except InvalidRecordError as fault:
                rejections.append(Rejection(record.offset, broker_at, fault.reason, fault.field, fault.detail))
        return Decoded(events, rejections, dropped_fields, broker_at)

    def _event(self, record: Record, envelope: Envelope | WrittenEnvelope, moment: datetime, ingested_at: int) -> Event:
        data = envelope.data or EMPTY_DATA
        occurred_at = (moment - EPOCH) // MILLISECOND
        if not EARLIEST_MS <= occurred_at < END_MS:
            raise InvalidRecordError("time_out_of_range", "time", f"expected 2000 to 2099, got {moment.isoformat()}")
        is_clamped = ingested_at > 0 and occurred_at > ingested_at + CLAMP_MS
        if is_clamped:
            if occurred_at > ingested_at + REJECT_AHEAD_MS:
                raise InvalidRecordError(
                    "time_out_of_range",
                    "time",
                    f"expected at most 30 days after the broker's time {ingested_at} ms, got {moment.isoformat()}",
                )
            occurred_at = ingested_at
        conversation_id = envelope.subject or _text(record.key)
        event_type = TYPES.get(envelope.type, envelope.type)
        required = REQUIRED_FIELDS.get(event_type)
        if required and not getattr(data, required):
            raise InvalidRecordError("missing_field", f"data.{required}", f"{event_type} requires data.{required}")
        source = self._sources.get(envelope.source) or self._source(envelope.source)
        event_id, tenant = envelope.id, envelope.tenant or ""
        digest = source.hasher.copy()
        digest.update(event_id.encode())
        customer, actor, case = data.customer_id, data.actor_id, data.case_id
        names = self._tenants.get(tenant) or self._tenant(tenant)
        return Event(
            record.offset,
            ingested_at,
            occurred_at,
            is_clamped,
            event_id,
            source.name,
            event_type,
            conversation_id,
            digest.digest(),
            tenant,
            data,
            names[customer] if customer else "",
            names[actor] if actor else "",
            names[case] if case else "",
            0 if data.due_at is None else _due_at(record.value, envelope, data.due_at),
            f"{source.key_prefix}{conversation_id}",
        )

    def _tenant(self, name: str) -> "_Pseudonyms":
        found = self._tenants.get(name)
        if found is None:
            self._make_room()
            found = self._tenants[name] = _Pseudonyms(self._key, name, self._make_room)
        return found

    def _make_room(self) -> None:
        """One more name, or tenant, is to be kept: forget all where there are too many."""
        self._name_count += 1
        if self._name_count > CACHED_NAMES:
            for names in self._tenants.values():
                names.clear()
            self._tenants.clear()
            self._name_count = 1

    def _source(self, name: str) -> "_Source":
        if "\n" in name:
            raise InvalidRecordError(
                "invalid_value", "source", "expected a URI reference, got a text with a line break"
            )
        if len(self._sources) >= CACHED_SOURCES:
            self._sources.clear()
        prefix = conversation_key(name, "")
        found = self._sources[name] = _Source(name, prefix, blake2b(prefix.encode(), digest_size=8))
        return found


class _Pseudonyms(dict[str, str]):
    """What stands for the names of one tenant, computed when first asked for; `make_room` is called for each."""

    def __init__(self, key: bytes, tenant: str, make_room: Callable[[], None]) -> None:
        self._make_room = make_room
        person = blake2b(tenant.encode(), digest_size=16).digest() if tenant else b""
        self._hasher = blake2b(key=key, person=person, digest_size=11)

    def __missing__(self, name: str) -> str:
        hasher = self._hasher.copy()
        hasher.update(name.encode())
        found = hasher.hexdigest()
        self._make_room()
        self[name] = found
        return found


class _Source(NamedTuple):
    """What all events of one source share: its name, how the keys of its conversations begin, the digest's start."""

    name: str
    key_prefix: str
    hasher: blake2b


def _without_value(record: Record | UnreadableRecord) -> InvalidRecordError:
    if isinstance(record, UnreadableRecord):
        return InvalidRecordError("unreadable", "", record.fault)
    return InvalidRecordError("tombstone", "", "expected a JSON object, got a null value")


def _due_at(value: bytes | None, envelope: Envelope | WrittenEnvelope, moment: datetime) -> int:
    """A promise in epoch ms; one beyond any calendar is none. Raises msgspec.ValidationError on the fast way."""
    if value and isinstance(envelope, WrittenEnvelope):
        moment = due_at(value, moment)
    found = (moment - EPOCH) // MILLISECOND
    return found if EARLIEST_MS <= found < END_MS else 0


def _text(key: bytes | None) -> str:
    """The record key as the conversation id, for events without `subject`."""
    if not key:
        raise InvalidRecordError("missing_field", "subject", "expected `subject` or a record key, got neither")
    try:
        text = key.decode()
    except UnicodeDecodeError:
        raise InvalidRecordError("invalid_value", "subject", "expected `subject` or a record key in UTF-8") from None
    if len(text) > IDENTIFIER_LIMIT:
        raise InvalidRecordError(
            "invalid_value", "subject", f"expected at most {IDENTIFIER_LIMIT} characters, got {len(text)}"
        )
    return text
