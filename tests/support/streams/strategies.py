"""Hypothesis strategies for any log that may occur, for the laws of `streams/`."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from itertools import product
from typing import Any

import msgspec
from hypothesis import strategies as st

from streams.events import KNOWN_TYPES, Data, Event
from streams.rules import RulesConfig
from tests.support.streams.events import DAY_MS, EPOCH, HOUR_MS, MINUTE_MS, instant, make_event
from tests.support.streams.log import rules

START_MS = instant("2024-03-29 22:50")  # the Friday before the clocks of Berlin go forward

_KNOWN = sorted(KNOWN_TYPES)
_COMMON = ["conversation.opened", "message.created", "message.created", "conversation.transferred", "bot.handed_off"]
_TURNS = ["conversation.resolved", "conversation.reopened", "conversation.waiting", "conversation.resumed"]
_TYPES = st.sampled_from([*_COMMON, *_TURNS, *_KNOWN, "weather.changed"])
_TURN_TYPES = st.sampled_from(
    ["message.created", "conversation.waiting", "conversation.resumed", "conversation.transferred", "sla.target_set"]
)
_LATE_OPENING_TYPES = st.sampled_from(
    ["message.created"] * 4
    + ["conversation.opened"] * 2
    + ["conversation.assigned", "conversation.waiting", "conversation.resumed", "bot.handed_off", "sla.target_set"]
    + ["conversation.resolved", "conversation.reopened"]
)
_STEPS_MS = (0, 1, 999, 20_000, MINUTE_MS, 7 * MINUTE_MS, 25 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS)
_LONG_STEPS_MS = (26 * HOUR_MS, 8 * DAY_MS, 15 * DAY_MS, 401 * DAY_MS)
_LAGS_MS = (0, 0, 0, 0, 0, 30_000, 3 * MINUTE_MS, 40 * MINUTE_MS, 3 * HOUR_MS)
_LONG_LAGS_MS = (13 * DAY_MS, 16 * DAY_MS, 410 * DAY_MS)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "queue": st.sampled_from(["sales", "service"]),
    "channel": st.sampled_from(["phone", "email", "community", "self_service", "pigeon"]),
    "visibility": st.sampled_from(["private", "public"]),
    "direction": st.sampled_from(["inbound", "outbound", "internal"]),
    "root_id": st.sampled_from(["a", "b"]),
    "reach": st.integers(0, 1000),
    "customer_id": st.sampled_from(["anna", "bert"]),
}
_FIELDS = (
    (),
    (),
    (),
    ("queue",),
    ("queue",),
    ("channel",),
    ("queue", "channel", "visibility"),
    ("visibility",),
    ("direction",),
    ("direction", "queue"),
    ("root_id",),
    ("reach", "customer_id"),
    ("promise",),
)
_WHICH = (("/one", "a"), ("/one", "a"), ("/one", "b"), ("/two", "a"), ("/two", "c"), ("", "again"))
_ONE = (("/one", "a"),)
_TENANTS = ("", "", "", "north", "south")
#: Times by the broker's clock, by the producer's own, or by none.
_STAMPS = ("broker", "broker", "producer", "none")
_ACTORS = st.sampled_from(["customer", "customer", "agent", "agent", "peer", "bot", "system"])
_PROMISES_MS = (-HOUR_MS, 0, 10_000, 5 * MINUTE_MS, HOUR_MS, 30 * HOUR_MS)


@cache
def _together(*choices: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw one of each at a single draw, with the probabilities of separate draws: draws dominate the cost of a law.

    At most 127 combinations: beyond that hypothesis does not draw evenly.
    """
    combinations = list(product(*choices))
    assert len(combinations) < 128
    return st.sampled_from(combinations)


def _fields(draw: st.DrawFn, event_type: str, names: Sequence[str], occurred_at: int) -> Data:
    values: dict[str, Any] = {name: draw(_VALUES[name]) for name in names if name in _VALUES}
    if event_type == "conversation.opened" and "channel" not in values:
        values["channel"] = draw(_VALUES["channel"])
    if event_type in ("message.created", "solution.accepted", "solution.unaccepted"):
        values["actor_kind"] = draw(_ACTORS)
    if event_type == "conversation.escalated":
        values["kind"] = draw(st.sampled_from(["functional", "hierarchical", "handoff", "regulatory"]))
    if event_type == "conversation.merged":
        values["into_id"] = draw(st.sampled_from(["a", "b", "c"]))
    if event_type == "conversation.waiting":
        values["waiting_on"] = draw(st.sampled_from(["", "agent", "customer", "third_party"]))
    if event_type == "sla.target_set" or "promise" in names:
        values["clock"] = draw(st.sampled_from(["first_response", "next_response", "resolution"]))
        due_at = occurred_at + draw(st.sampled_from(_PROMISES_MS))
        values["due_at"] = EPOCH + timedelta(milliseconds=due_at)
    return msgspec.convert(values, Data)


@st.composite
def logs(
    draw: st.DrawFn,
    *,
    max_size: int = 25,
    is_long: bool = False,
    is_turns: bool = False,
    is_late_openings: bool = False,
) -> list[Event]:
    """Draw a log of one partition over a few conversations: any types, times out of order, duplicates, late openings.

    `is_long` lets months pass, so that some contributions lie beyond the horizons. `is_turns` has one conversation, in
    which mostly the waiting parties change, and with them the SLA clocks. `is_late_openings` has one that is opened, by
    the customer or not, after another of its events has arrived.
    """
    which, types = (_ONE, _TURN_TYPES) if is_turns else (_WHICH, _TYPES)
    if is_late_openings:
        which, types = _ONE, _LATE_OPENING_TYPES
    now, events = START_MS, list[Event]()
    courses = _together(_STEPS_MS + _LONG_STEPS_MS * is_long, which)
    delays = _together(_LAGS_MS + _LONG_LAGS_MS * is_long, _STAMPS)
    contents = _together(_TENANTS, _FIELDS)
    for number in range(draw(st.integers(1, max_size))):
        step_ms, (source, about) = draw(courses)
        now += step_ms
        if not source:
            if events:
                events.append(draw(st.sampled_from(events)))
            continue
        event_type = draw(types)
        lag_ms, stamp = draw(delays)
        occurred_at = now - lag_ms
        tenant, names = draw(contents)
        data = _fields(draw, event_type, names, occurred_at)
        ingested_at = {"broker": now, "producer": occurred_at, "none": 0}[stamp]
        events.append(make_event(event_type, about, occurred_at, f"e{number}", source, tenant, data, ingested_at))
    return events


def sometimes_rules(*, zones: Sequence[str] = ("UTC",), cell_limit: int = 5_000) -> st.SearchStrategy[RulesConfig]:
    """Draw rules with or without targets and an idle limit, and sometimes with a limit of cells."""
    seconds = st.sampled_from([None, 0, 90, 1800, 6 * 3600])
    return st.builds(
        rules,
        first_response=seconds,
        next_response=seconds,
        resolution=seconds,
        idle=st.sampled_from([None, None, 1800, 3600, 10 * 3600]),
        cell_limit=st.sampled_from([cell_limit, 5_000]),
        reporting_zone=st.sampled_from(zones),
    )


def cut(draw: st.DrawFn, events: Sequence[Event]) -> list[list[Event]]:
    """Draw a split of the events into pieces, some of them empty."""
    borders = sorted(draw(st.lists(st.integers(0, len(events)), max_size=5)))
    return [list(events[start:end]) for start, end in zip([0, *borders], [*borders, len(events)], strict=True)]
