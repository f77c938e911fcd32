"""One-line events for the tests of `streams/`.

Instants are UTC epoch milliseconds; in tests they are written as times of day, `12:00`, `12:00:10`, or with a day
before, `2024-03-05 09:00`. Without one the day is 2024-03-04, a Monday.
"""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import count
from typing import Any

import msgspec

from streams.events import EMPTY_DATA, Data, Event, conversation_key
from tests.oracle import Record

DAY = "2024-03-04"
SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ids = count()


def instant(text: str) -> int:
    """Return `12:00`, `12:00:10.500` or `2024-03-05 12:00` as UTC epoch ms."""
    day, _, clock = text.rpartition(" ")
    return (datetime.fromisoformat(f"{day or DAY}T{clock}+00:00") - EPOCH) // timedelta(milliseconds=1)


def event(
    event_type: str,
    about: str,
    *,
    at: str,
    id: str | None = None,
    source: str = "/test",
    tenant: str = "",
    due: str | None = None,
    **data: Any,
) -> Event:
    """Return an accepted event of the conversation `about`; `due` is when an SLA clock falls due, `data` its fields."""
    due_at = None if due is None else EPOCH + timedelta(milliseconds=instant(due))
    fields = msgspec.convert({**data, "due_at": due_at}, Data)
    return make_event(event_type, about, instant(at), id or f"e{next(_ids)}", source, tenant, fields)


def make_event(
    event_type: str,
    about: str,
    occurred_at: int,
    id: str,
    source: str = "/test",
    tenant: str = "",
    data: Data = EMPTY_DATA,
    ingested_at: int | None = None,
) -> Event:
    """Return an accepted event of plain values; its offset is arbitrary, and so is its broker time unless given."""
    return Event(
        offset=0,
        ingested_at=occurred_at if ingested_at is None else ingested_at,
        occurred_at=occurred_at,
        is_clamped=False,
        id=id,
        source=source,
        type=event_type,
        conversation_id=about,
        digest=blake2b(f"{source}\n{id}".encode(), digest_size=8).digest(),
        tenant=tenant,
        data=data,
        customer=_pseudonym(tenant, data.customer_id),
        actor=_pseudonym(tenant, data.actor_id),
        case=_pseudonym(tenant, data.case_id),
        due_at=0 if data.due_at is None else (data.due_at - EPOCH) // timedelta(milliseconds=1),
        key=conversation_key(source, about),
    )


def _pseudonym(tenant: str, name: str | None) -> str:
    return f"{tenant}/{name}" if tenant and name else name or ""


def opened(about: str, *, at: str, channel: str = "email", **data: Any) -> Event:
    return event("conversation.opened", about, at=at, channel=channel, **data)


def by_anna(about: str, *, at: str, channel: str = "email", **data: Any) -> Event:
    """Return the event by which the customer anna opens it."""
    return opened(about, at=at, channel=channel, **({"customer_id": "anna"} | data))


def message(about: str, *, at: str, by: str = "customer", **data: Any) -> Event:
    return event("message.created", about, at=at, actor_kind=by, **data)


def reply(about: str, *, at: str, **data: Any) -> Event:
    """Return an agent's message to the customer."""
    return message(about, at=at, by="agent", **data)


def does(what: str, about: str, *, at: str, **data: Any) -> Event:
    """Return `conversation.` + what: resolved, closed, queued, waiting, ..."""
    return event(f"conversation.{what}", about, at=at, **data)


def handed_off(about: str, *, at: str, **data: Any) -> Event:
    return event("bot.handed_off", about, at=at, **data)


def tick(at: str) -> Event:
    """Return an event of an unknown type, which moves the watermark and nothing else."""
    return event("weather.changed", "the weather", at=at)


def record(one: Event) -> Record:
    """Return the record of an event, for the oracle."""
    moment = EPOCH + timedelta(milliseconds=one.occurred_at)
    data = {name: value for name, value in msgspec.to_builtins(one.data).items() if value is not None}
    value: dict[str, Any] = {
        "specversion": "1.0",
        "id": one.id,
        "source": one.source,
        "type": one.type,
        "time": moment.isoformat(timespec="milliseconds"),
        "subject": one.conversation_id,
        "data": data,
    }
    return Record(value | ({"tenant": one.tenant} if one.tenant else {}))
