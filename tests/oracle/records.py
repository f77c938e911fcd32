"""Acceptance rules of the event contract, for the batch oracle.

Plain and slow on purpose, and shares no code with `streams/` or `pipeline/`: two programs that read the definitions
independently must give the same numbers. Instants are UTC epoch milliseconds (`_ms`).
"""

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

DAY_MS = 24 * 3600 * 1000
YEAR_2000_MS = 946_684_800_000
CLOCK_TOLERANCE_MS = 5_000
FUTURE_LIMIT_MS = 30 * DAY_MS

KNOWN_TYPES = frozenset(
    (
        "conversation.opened",
        "message.created",
        "conversation.queued",
        "conversation.assigned",
        "conversation.transferred",
        "conversation.escalated",
        "bot.handed_off",
        "conversation.waiting",
        "conversation.resumed",
        "conversation.resolved",
        "conversation.closed",
        "conversation.abandoned",
        "conversation.merged",
        "conversation.deleted",
        "conversation.reopened",
        "callback.requested",
        "callback.completed",
        "solution.accepted",
        "solution.unaccepted",
        "public.shared",
        "public.reacted",
        "sla.target_set",
    )
)
ENUMS = {
    "visibility": {"private", "public"},
    "direction": {"inbound", "outbound", "internal"},
    "actor_kind": {"customer", "peer", "agent", "bot", "system"},
    "kind": {"functional", "hierarchical", "handoff", "regulatory"},
    "waiting_on": {"agent", "customer", "third_party"},
    "clock": {"first_response", "next_response", "resolution"},
}
REQUIRED_FIELDS = {
    "conversation.opened": "channel",
    "message.created": "actor_kind",
    "conversation.escalated": "kind",
    "conversation.merged": "into_id",
}
TEXT_FIELDS = (
    "channel",
    "visibility",
    "direction",
    "queue",
    "tier",
    "topic",
    "priority",
    "language",
    "cohort",
    "customer_id",
    "actor_id",
    "case_id",
    "root_id",
    "thread_id",
    "actor_kind",
    "kind",
    "waiting_on",
    "into_id",
    "due_at",
    "clock",
)

_CHANNEL = re.compile(r"[a-z0-9_]{1,32}")
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|[+-]0000|([+-])(\d\d):(\d\d))", re.ASCII
)


class Rejected(ValueError):  # noqa: N818  (the word of the contract)
    """A record that cannot be accepted; the message says why."""


@dataclass(frozen=True)
class Record:
    """One record of the log: a value (bytes as published, or the object already parsed) and its envelope."""

    value: bytes | Mapping[str, Any] | None
    broker_timestamp_ms: int | None = None
    key: bytes | str | None = None


@dataclass(frozen=True)
class Event:
    """An accepted event. Optional text that is missing, null or outside its values is ''."""

    id: str
    source: str
    type: str
    conversation_id: str
    occurred_at_ms: int
    is_clamped: bool
    tenant: str
    fields: Mapping[str, str]
    due_at_ms: int | None

    def field(self, name: str) -> str:
        return self.fields.get(name, "")

    def person(self, name: str) -> str:
        """Return the id of a person or case as one text with its tenant, within which alone it is unique."""
        found = self.field(name)
        return found and json.dumps([self.tenant, found])


def read_records(path: Path) -> list[Record]:
    """Return the records of an NDJSON file (.gz or plain), without envelope, in the order of its lines."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return [Record(line) for line in content.split(b"\n") if line.strip()]


def instant_ms(text: str) -> int | None:
    """Return RFC 3339 with offset as epoch ms, truncated (not rounded) to the millisecond; None if it is invalid."""
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    if sign is not None and (int(offset_hours) > 23 or int(offset_minutes) > 59):
        return None
    since_epoch = local - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = since_epoch // timedelta(milliseconds=1) + int(((fraction or "") + "000")[:3])
    if sign is None:
        return milliseconds
    offset_ms = (int(offset_hours) * 60 + int(offset_minutes)) * 60_000
    return milliseconds - offset_ms if sign == "+" else milliseconds + offset_ms


def _parse(value: bytes | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if value is None:
        raise Rejected("no value")

    def no_constant(name: str) -> NoReturn:
        raise Rejected(f"{name} is no JSON")

    try:
        parsed = json.loads(value.decode("utf-8"), parse_constant=no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Rejected(f"no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Rejected("not a JSON object")
    return parsed


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Rejected(f"{name} is not text")
    return value


def _fields(event_type: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the text fields of `data`; required ones must be present and valid, others fall back to ''."""
    fields = {name: _text(data, name) for name in TEXT_FIELDS}
    for name, allowed in ENUMS.items():
        if fields[name] not in allowed:
            fields[name] = ""
    if not _CHANNEL.fullmatch(fields["channel"]):
        fields["channel"] = ""
    required = REQUIRED_FIELDS.get(event_type)
    if required is not None and not fields[required]:
        raise Rejected(f"{required} is required for {event_type}")
    return fields


def accept(record: Record) -> Event:
    """Return the event of a record, clamped if its clock was ahead. Raises `Rejected` with the reason."""
    envelope = _parse(record.value)
    if envelope.get("specversion") != "1.0":
        raise Rejected("specversion is not 1.0")
    required = {name: _text(envelope, name) for name in ("id", "source", "type", "time")}
    for name, value in required.items():
        if not value:
            raise Rejected(f"{name} is missing")
    conversation_id = _text(envelope, "subject")
    if not conversation_id and record.key:
        try:
            conversation_id = record.key if isinstance(record.key, str) else record.key.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Rejected("no subject, and the key is not text") from error
    if not conversation_id:
        raise Rejected("neither subject nor key")

    occurred_at_ms = instant_ms(required["time"])
    if occurred_at_ms is None:
        raise Rejected("time is not RFC 3339 with offset")
    if occurred_at_ms < YEAR_2000_MS:
        raise Rejected("time is before 2000")
    is_clamped = False
    broker_ms = record.broker_timestamp_ms
    if broker_ms is not None:
        if occurred_at_ms > broker_ms + FUTURE_LIMIT_MS:
            raise Rejected("time is more than 30 days ahead of the broker's")
        if occurred_at_ms > broker_ms + CLOCK_TOLERANCE_MS:
            occurred_at_ms, is_clamped = broker_ms, True

    fields: dict[str, str] = {}
    if required["type"] in KNOWN_TYPES:  # the data of an unknown type is not inspected
        data = envelope.get("data")
        if data is not None and not isinstance(data, Mapping):
            raise Rejected("data is not an object")
        fields = _fields(required["type"], data or {})
    return Event(
        id=required["id"],
        source=required["source"],
        type=required["type"],
        conversation_id=conversation_id,
        occurred_at_ms=occurred_at_ms,
        is_clamped=is_clamped,
        tenant=_text(envelope, "tenant"),
        fields=fields,
        due_at_ms=instant_ms(fields.get("due_at", "")),
    )
