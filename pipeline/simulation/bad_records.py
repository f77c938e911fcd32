"""Bad records of every kind. Each is derived from a good event and breaks the contract in one place."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Envelope = dict[str, Any]
_encode = msgspec.json.Encoder().encode


def _with(**changes: object) -> Callable[[Envelope], bytes]:
    return lambda event: _encode(event | changes)


def _without(name: str) -> Callable[[Envelope], bytes]:
    return lambda event: _encode({key: value for key, value in event.items() if key != name})


def _of_type(event_type: str, **data: object) -> Callable[[Envelope], bytes]:
    return lambda event: _encode(event | {"type": event_type, "data": data})


# `no_subject_no_key` also needs an empty key, which `delivery` provides.
BAD_RECORDS: Mapping[str, Callable[[Envelope], bytes]] = {
    "not_json": lambda event: _encode(event)[:-7],
    "not_utf8": lambda event: b"\xff\xfe" + _encode(event),
    "not_an_object": lambda event: _encode([event]),
    "empty_value": lambda event: b"",
    "wrong_specversion": _with(specversion="0.3"),
    "no_id": _without("id"),
    "no_source": _without("source"),
    "no_type": _without("type"),
    "no_time": _without("time"),
    "time_without_offset": lambda event: _encode(event | {"time": event["time"][:-1]}),
    "time_not_a_date": _with(time="yesterday"),
    "time_before_2000": _with(time="1999-12-31T23:59:59.999Z"),
    # In two years: beyond the limit of 30 days even if a recording is published months later.
    "time_far_ahead": lambda event: _encode(event | {"time": f"{int(event['time'][:4]) + 2}-06-15T12:00:00Z"}),
    "no_subject_no_key": _without("subject"),
    "data_not_an_object": _with(data="opened"),
    "opened_without_channel": _of_type("conversation.opened", direction="inbound"),
    "message_without_actor_kind": _of_type("message.created", direction="inbound"),
    "message_of_unknown_actor_kind": _of_type("message.created", actor_kind="robot"),
    "escalated_without_kind": _of_type("conversation.escalated", level=2),
    "escalated_of_unknown_kind": _of_type("conversation.escalated", kind="loud"),
    "merged_without_into_id": _of_type("conversation.merged"),
}
BAD_KINDS = tuple(BAD_RECORDS)
