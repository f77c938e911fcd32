"""Support for the tests of `streams/`: events in a line, a log that is folded, and any log that may happen.

Instants are UTC epoch milliseconds; in tests they are written as times of day, `12:00`, `12:00:10`, or with a day
before, `2024-03-05 09:00`. Without one the day is 2024-03-04, a Monday.
"""

from __future__ import annotations

from collections import Counter as Multiset
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import count
from typing import Any

import msgspec
from hypothesis import strategies as st

from streams.conversations.conversation import OPEN, Clock, Conversation
from streams.events import EMPTY_DATA, KNOWN_TYPES, Data, Event, conversation_key
from streams.fold import Partition
from streams.panes.cache import PaneCache
from streams.panes.cells import Cell, Cells
from streams.panes.counters import Counter
from streams.panes.deltas import COUNTER_BITS, COUNTER_MASK, PaneValues, Tiers, unpack_pane_key
from streams.panes.histograms import bucket
from streams.rules import RuleBook, Rules, Targets
from tests.oracle import Record

DAY = "2024-03-04"
SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ids = count()

# ---- events in a line ---------------------------------------------------------------------------------


def instant(text: str) -> int:
    """`12:00`, `12:00:10.500` or `2024-03-05 12:00` as UTC epoch ms."""
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
    """An accepted event of the conversation `about`; `due` is when a promise falls due, `data` its fields."""
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
    """An accepted event of plain values; its offset says nothing, nor does its broker time unless it is given."""
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


def message(about: str, *, at: str, by: str = "customer", **data: Any) -> Event:
    return event("message.created", about, at=at, actor_kind=by, **data)


def reply(about: str, *, at: str, **data: Any) -> Event:
    """An agent speaks to the customer."""
    return message(about, at=at, by="agent", **data)


def does(what: str, about: str, *, at: str, **data: Any) -> Event:
    """`conversation.` + what: resolved, closed, queued, waiting, ..."""
    return event(f"conversation.{what}", about, at=at, **data)


def handed_off(about: str, *, at: str, **data: Any) -> Event:
    return event("bot.handed_off", about, at=at, **data)


def tick(at: str) -> Event:
    """Time goes by: an event of an unknown type moves the watermark and nothing else."""
    return event("weather.changed", "the weather", at=at)


# ---- a log that is folded -----------------------------------------------------------------------------


def rules(
    *,
    first_response: int | None = None,
    next_response: int | None = None,
    resolution: int | None = None,
    idle: int | None = None,
    **more: Any,
) -> Rules:
    """Rules with targets and an idle limit for every channel, in seconds."""
    limits = {} if idle is None else {"": idle}
    return Rules(targets=Targets(first_response, next_response, resolution), **({"idle_limit_seconds": limits} | more))


class Log:
    """A partition and the absolute values of its panes, which follow every `fold` at once."""

    def __init__(self, rules: Rules | None = None, events: Iterable[Event] = ()) -> None:
        self.cells = Cells()
        self.partition = Partition(RuleBook(rules or Rules()), self.cells)
        self.cache = PaneCache()
        self.fold(*events)

    def fold(self, *events: Event) -> Log:
        self.partition.fold(events)
        self.flush()
        return self

    def flush(self) -> None:
        self.cache.add(self.partition.deltas.take().rolled_up())

    def __getitem__(self, about: str) -> Conversation:
        """The conversation of that id at the source `/test`."""
        return self.partition.conversations[conversation_key("/test", about)]

    def count(self, counter: int, at: str | None = None, tier: str = "minute", **where: str) -> int:
        """The counter, all its spreads together, in the pane that starts at `at` (None: all), in cells `where`."""
        return sum(
            amount
            for (start_ms, cell, found, _), amount in self.panes(tier).items()
            if found == counter
            and (at is None or start_ms == instant(at))
            and all(getattr(cell, name) == value for name, value in where.items())
        )

    def minutes(self, counter: int, **where: str) -> dict[str, int]:
        """Minute to value of a counter, where it is not zero, in order: `{"12:01": 1}`."""
        return self._by_minute(counter, where, lambda spread: "")

    def durations(self, counter: int, **where: str) -> dict[str, int]:
        """Minute and bucket of a histogram to count, as `{"12:09 " + minutes_long(9): 1}`."""
        return self._by_minute(counter, where, lambda spread: f" bucket {spread}")

    def _by_minute(self, counter: int, where: Mapping[str, str], name: Any) -> dict[str, int]:
        found: Multiset[tuple[int, str]] = Multiset()
        for (start_ms, cell, one, spread), amount in self.panes("minute").items():
            if one == counter and all(getattr(cell, key) == value for key, value in where.items()):
                found[start_ms, name(spread)] += amount
        return {_clock(start_ms) + suffix: amount for (start_ms, suffix), amount in sorted(found.items()) if amount}

    def backlog(self, at: str, **where: str) -> int:
        """Open conversations at the end of the minute `at`."""
        plus = (Counter.OPENED, Counter.REOPENED, Counter.MOVED_IN)
        minus = (Counter.MOVED_OUT, *DEPARTURE_COUNTERS, Counter.EXPIRING)
        total = 0
        for (start_ms, cell, counter, _), amount in self.panes("minute").items():
            if start_ms <= instant(at) and all(getattr(cell, name) == value for name, value in where.items()):
                total += amount * ((counter in plus) - (counter in minus))
        return total

    def panes(self, tier: str) -> Panes:
        return named(getattr(self.cache.tiers, tier), self.cells)


def _clock(at_ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=at_ms)
    return moment.strftime("%H:%M" if moment.strftime("%Y-%m-%d") == DAY else "%Y-%m-%d %H:%M")


def minutes_long(minutes: float) -> str:
    """The bucket of a duration, as `Log.durations` names it."""
    return f"bucket {bucket(round(minutes * MINUTE_MS))}"


DEPARTURE_COUNTERS = (Counter.RESOLVED, Counter.CLOSED, Counter.ABANDONED, Counter.MERGED, Counter.DELETED)

# ---- what can be compared: without numbers of cells, without zeros ---------------------------------------

#: (start in ms, cell, counter, spread) to value, zeros left out.
Panes = dict[tuple[int, Cell, int, int], int]


def named(panes: PaneValues, cells: Cells) -> Panes:
    """Panes of one tier with the dimensions themselves in place of their numbers."""
    found: Panes = {}
    for key, values in panes.items():
        start_ms, cell = unpack_pane_key(key)
        for field, amount in values.items():
            counter, spread = field & COUNTER_MASK, field >> COUNTER_BITS
            if amount:
                found[start_ms, cells[cell], counter, spread] = amount
    return found


def all_tiers(tiers: Tiers, cells: Cells) -> dict[str, Panes]:
    return {name: named(panes, cells) for name, panes in zip(Tiers._fields, tiers, strict=True)}


def plain(conversation: Conversation, cells: Cells) -> dict[str, Any]:
    """A conversation as plain values, with cells in place of their numbers."""
    values: dict[str, Any] = msgspec.structs.asdict(conversation)
    values["cell"] = cells[conversation.cell]
    values["opening_cell"] = cells[conversation.opening_cell]
    values["resolution_cell"] = cells[conversation.resolution_cell] if conversation.resolved_at else None
    values["clocks"] = [_plain_clock(clock, cells) for clock in conversation.clocks]
    turn = conversation.first_turn
    if turn is not None:
        clock = turn.clock and _plain_clock(turn.clock, cells)
        values["first_turn"] = turn._asdict() | {"cell": cells[turn.cell], "clock": clock}
    return values


def _plain_clock(clock: Clock, cells: Cells) -> dict[str, Any]:
    return clock._asdict() | {"cell": cells[clock.cell]}


def everything(log: Log) -> dict[str, Any]:
    """Whatever two ways of folding the same log must agree about."""
    partition = log.partition
    return {
        "panes": all_tiers(log.cache.tiers, log.cells),
        "conversations": {key: plain(one, log.cells) for key, one in partition.conversations.items()},
        "books": msgspec.structs.asdict(partition.books),
        "watermark": partition.watermark,
    }


def record(one: Event) -> Record:
    """The event as the record it came from, for the oracle."""
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


def is_expired(conversation: Conversation, watermark: int) -> bool:
    """Whether it has expired by the watermark, which its state need not know yet."""
    return conversation.state == OPEN and 0 < conversation.expires_at <= watermark


# ---- any log that may happen ----------------------------------------------------------------------------

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
_FIELDS = st.sampled_from(
    [
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
    ]
)
_WHICH = st.sampled_from([("/one", "a"), ("/one", "a"), ("/one", "b"), ("/two", "a"), ("/two", "c"), ("", "again")])
_ONE = st.just(("/one", "a"))
_TENANTS = st.sampled_from(["", "", "", "north", "south"])
_ACTORS = st.sampled_from(["customer", "customer", "agent", "agent", "peer", "bot", "system"])
_PROMISES_MS = (-HOUR_MS, 0, 10_000, 5 * MINUTE_MS, HOUR_MS, 30 * HOUR_MS)


@st.composite
def _fields(draw: st.DrawFn, event_type: str, occurred_at: int) -> Data:
    names = draw(_FIELDS)
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
    """A log of one partition over a few conversations: any types, times out of order, duplicates, late openings.

    `is_long` lets months pass, so that some contributions lie behind the horizons. `is_turns` has one conversation, in
    which little happens but that those who wait change, and with it the promises. `is_late_openings` has one that is
    opened, by the customer or not, after something else was told of it.
    """
    which, types = (_ONE, _TURN_TYPES) if is_turns else (_WHICH, _TYPES)
    if is_late_openings:
        which, types = _ONE, _LATE_OPENING_TYPES
    now, events = START_MS, list[Event]()
    steps = st.sampled_from(_STEPS_MS + _LONG_STEPS_MS * is_long)
    lags = st.sampled_from(_LAGS_MS + _LONG_LAGS_MS * is_long)
    for number in range(draw(st.integers(1, max_size))):
        now += draw(steps)
        source, about = draw(which)
        if not source:
            if events:
                events.append(draw(st.sampled_from(events)))
            continue
        event_type = draw(types)
        occurred_at = now - draw(lags)
        tenant = draw(_TENANTS)
        data = draw(_fields(event_type, occurred_at))
        # By the broker's clock, by the producer's own, or by none.
        ingested_at = draw(st.sampled_from([now, now, occurred_at, 0]))
        events.append(make_event(event_type, about, occurred_at, f"e{number}", source, tenant, data, ingested_at))
    return events


def sometimes_rules(*, zones: Sequence[str] = ("UTC",), cell_limit: int = 5_000) -> st.SearchStrategy[Rules]:
    """Rules with or without targets and an idle limit, and sometimes with a limit of cells."""
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
    """The events in pieces, some of them empty."""
    borders = sorted(draw(st.lists(st.integers(0, len(events)), max_size=5)))
    return [list(events[start:end]) for start, end in zip([0, *borders], [*borders, len(events)], strict=True)]


def totals(panes: Panes) -> dict[tuple[Cell, int], int]:
    """Each counter of each cell over all of time and all spreads."""
    found: defaultdict[tuple[Cell, int], int] = defaultdict(int)
    for (_, cell, counter, _), amount in panes.items():
        found[cell, counter] += amount
    return dict(found)
