"""The event contract: one CloudEvents 1.0 JSON object per record, as typed structs.

`Envelope` and `Data` are the contract itself: the JSON Schema in `docs/` is generated from them. `Event` is what the
fold reads: a validated envelope with its position in the log.
"""

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Literal

import msgspec

Visibility = Literal["", "private", "public"]
Direction = Literal["", "inbound", "outbound", "internal"]
ActorKind = Literal["", "customer", "peer", "agent", "bot", "system"]
EscalationKind = Literal["", "functional", "hierarchical", "handoff", "regulatory"]
WaitingOn = Literal["", "agent", "customer", "third_party"]
ClockKind = Literal["", "first_response", "next_response", "resolution"]

Text = Annotated[str, msgspec.Meta(max_length=200)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
OptionalIdentifier = Annotated[str, msgspec.Meta(max_length=512)]
ChannelName = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9_]{1,32})?$(?!\n)")]
#: More than the world's population; sums of these over everything that one pane can contain fit into 64 bits.
Count = Annotated[int, msgspec.Meta(ge=0, le=10**10)]
Level = Annotated[int, msgspec.Meta(ge=0, le=255)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Data(msgspec.Struct, gc=False, frozen=True):
    """The fields of `data`. Each is optional unless the event's type requires it; unknown fields are ignored."""

    channel: ChannelName | None = None
    visibility: Visibility | None = None
    direction: Direction | None = None
    queue: Text | None = None
    tier: Text | None = None
    topic: Text | None = None
    priority: Text | None = None
    language: Text | None = None
    cohort: Text | None = None
    customer_id: OptionalIdentifier | None = None
    actor_id: OptionalIdentifier | None = None
    case_id: OptionalIdentifier | None = None
    root_id: OptionalIdentifier | None = None
    thread_id: OptionalIdentifier | None = None
    into_id: OptionalIdentifier | None = None
    actor_kind: ActorKind | None = None
    kind: EscalationKind | None = None
    level: Level | None = None
    waiting_on: WaitingOn | None = None
    reach: Count | None = None
    due_at: Instant | None = None
    clock: ClockKind | None = None


EMPTY_DATA = Data()


class Envelope(msgspec.Struct, gc=False, frozen=True):
    """One CloudEvents 1.0 object in structured mode. (`source`, `subject`, `id`) is its identity."""

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Identifier
    time: Instant
    subject: OptionalIdentifier | None = None
    tenant: Text | None = None
    data: Data | None = None


class Event(msgspec.Struct, gc=False):
    """An accepted event and its position in the log.

    `occurred_at`, `ingested_at` and `due_at` are UTC epoch ms (event time, broker time, SLA target; 0 if none was
    given). `digest` is 8 bytes of BLAKE2b over (`source`, `id`), compared within one conversation. `customer`, `actor`
    and `case` are pseudonyms.
    """

    offset: int
    ingested_at: int
    occurred_at: int
    is_clamped: bool
    id: str
    source: str
    type: str
    conversation_id: str
    digest: bytes
    tenant: str
    data: Data
    customer: str
    actor: str
    case: str
    due_at: int
    key: str


def conversation_key(source: str, conversation_id: str) -> str:
    """Return the identity of a conversation, which is unique within its source, as one string."""
    return f"{source}\n{conversation_id}"


class Rejection(msgspec.Struct, gc=False, frozen=True):
    """A record that is not an acceptable event: offset, reason and field (a path, '' for the whole record)."""

    offset: int
    ingested_at: int
    reason: str
    field: str
    detail: str


#: The required field by event type. Other types require nothing beyond the envelope.
REQUIRED_FIELDS: dict[str, str] = {
    "conversation.opened": "channel",
    "message.created": "actor_kind",
    "conversation.escalated": "kind",
    "conversation.merged": "into_id",
}

DEPARTURES: dict[str, str] = {
    "conversation.resolved": "resolved",
    "conversation.closed": "closed",
    "conversation.abandoned": "abandoned",
    "conversation.merged": "merged",
    "conversation.deleted": "deleted",
}

KNOWN_TYPES: frozenset[str] = frozenset(
    {
        "conversation.opened",
        "message.created",
        "conversation.queued",
        "conversation.assigned",
        "conversation.transferred",
        "conversation.escalated",
        "bot.handed_off",
        "conversation.waiting",
        "conversation.resumed",
        *DEPARTURES,
        "conversation.reopened",
        "callback.requested",
        "callback.completed",
        "solution.accepted",
        "solution.unaccepted",
        "public.shared",
        "public.reacted",
        "sla.target_set",
    }
)


@lru_cache(maxsize=1 << 16)
def conversation_hash(key: str) -> int:
    """Return the BLAKE2b-64 of a conversation's key, the same in every process.

    Cached, because lookups, flushes of the conversation and facts about its customer all need it.
    """
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")
