"""From record bytes to events, a batch at a time: decode, validate, pseudonymise.

A normal event passes through one typed msgspec decode. Any other takes the slow path through `validation`, which either
repairs it (invalid optional fields are dropped and counted) or says what is wrong with it.
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
#: Ids of people and cases whose pseudonyms are cached, over all tenants.
CACHED_NAMES = 200_000
CACHED_SOURCES = 10_000
#: Shared strings for known types. Unknown types are not interned, since their number is unbounded.
TYPES = {name: name for name in KNOWN_TYPES}


class Record(Protocol):
    """The fields of a Kafka record that the codec reads (as in aiokafka's ConsumerRecord)."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Decoded(msgspec.Struct):
    """A decoded batch: events and rejections, each in log order, and the number of optional fields dropped or cut.

    `broker_at` is the last usable timestamp of the log so far, 0 if there was none.
    """

    events: list[Event]
    rejections: list[Rejection]
    dropped_fields: int
    broker_at: int


class Codec:
    """Decodes batches. `pseudonym_key`, up to 64 bytes, keys the hash that replaces ids of customers, actors, cases."""

    def __init__(self, pseudonym_key: bytes) -> None:
        self._key = pseudonym_key
        self._tenants: dict[str, _Pseudonyms] = {}
        self._name_count = 0
        self._sources: dict[str, _Source] = {}
        self._decode = msgspec.json.Decoder(WrittenEnvelope).decode

    def pseudonym(self, tenant: str, name: str) -> str:
        """Return the pseudonym of an id within a tenant: 22 hexadecimal digits, determined by the key."""
        return self._tenant(tenant)[name]

    def decode(self, records: Sequence[Record], broker_at: int = 0) -> Decoded:
        """Return the events and rejections of a batch. Raises nothing, whatever the bytes and timestamps.

        `broker_at` is the last usable timestamp of the log before the batch; it replaces timestamps of 0 or less, or
        beyond the range of the ledger's minutes. If it is 0, no event is compared with the broker's clock.
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
                    repaired, dropped = decode_leniently(value)
                    dropped_fields += dropped
                    event = event_of(record, repaired, repaired.time, broker_at)
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
        pseudonyms = self._tenants.get(name)
        if pseudonyms is None:
            self._make_room()
            pseudonyms = self._tenants[name] = _Pseudonyms(self._key, name, self._make_room)
        return pseudonyms

    def _make_room(self) -> None:
        """Count one more cached id or tenant, and clear the whole cache if that is too many."""
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
        source = self._sources[name] = _Source(name, prefix, blake2b(prefix.encode(), digest_size=8))
        return source


class _Pseudonyms(dict[str, str]):
    """The pseudonyms of one tenant, computed on first use; `make_room` is called before each is added."""

    def __init__(self, key: bytes, tenant: str, make_room: Callable[[], None]) -> None:
        self._make_room = make_room
        person = blake2b(tenant.encode(), digest_size=16).digest() if tenant else b""
        self._hasher = blake2b(key=key, person=person, digest_size=11)

    def __missing__(self, name: str) -> str:
        hasher = self._hasher.copy()
        hasher.update(name.encode())
        pseudonym = hasher.hexdigest()
        self._make_room()
        self[name] = pseudonym
        return pseudonym


class _Source(NamedTuple):
    """Values shared by all events of one source: name, prefix of conversation keys, hasher fed with that prefix."""

    name: str
    key_prefix: str
    hasher: blake2b


def _without_value(record: Record | UnreadableRecord) -> InvalidRecordError:
    if isinstance(record, UnreadableRecord):
        return InvalidRecordError("unreadable", "", record.fault)
    return InvalidRecordError("tombstone", "", "expected a JSON object, got a null value")


def _due_at(value: bytes | None, envelope: Envelope | WrittenEnvelope, moment: datetime) -> int:
    """Return an SLA target in epoch ms; 0 if it is out of range. Raises msgspec.ValidationError on the fast path."""
    if value and isinstance(envelope, WrittenEnvelope):
        moment = due_at(value, moment)
    due_ms = (moment - EPOCH) // MILLISECOND
    return due_ms if EARLIEST_MS <= due_ms < END_MS else 0


def _text(key: bytes | None) -> str:
    """Return the record key as the conversation id, for events without `subject`. Raises InvalidRecordError."""
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
