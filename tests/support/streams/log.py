"""A folded log, and the forms in which two ways of folding it are compared."""

from collections import Counter as Multiset
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Self

import msgspec

from streams.conversations.conversation import OPEN, Clock, Conversation
from streams.events import Event, conversation_key
from streams.fold import ConversationFold
from streams.panes.cache import PaneCache
from streams.panes.cells import Cell, CellIndex
from streams.panes.counters import Counter
from streams.panes.deltas import COUNTER_BITS, COUNTER_MASK, PaneValues, Tiers, unpack_pane_key
from streams.panes.histograms import bucket
from streams.rules import Rules, RulesConfig, Targets
from tests.support.streams.events import DAY, EPOCH, MINUTE_MS, instant

#: (start in ms, cell, counter, spread) to value, without zeros.
Panes = dict[tuple[int, Cell, int, int], int]


def rules(
    *,
    first_response: int | None = None,
    next_response: int | None = None,
    resolution: int | None = None,
    idle: int | None = None,
    **more: Any,
) -> RulesConfig:
    """Return rules with targets and an idle limit for every channel, in seconds."""
    limits = {} if idle is None else {"": idle}
    return RulesConfig(
        targets=Targets(first_response, next_response, resolution), **({"idle_limit_seconds": limits} | more)
    )


class Log:
    """A partition and the absolute values of its panes, updated by every `fold`."""

    def __init__(self, rules: RulesConfig | None = None, events: Iterable[Event] = ()) -> None:
        self.cells = CellIndex()
        self.partition = ConversationFold(Rules(rules or RulesConfig()), self.cells)
        self.cache = PaneCache()
        self.fold(*events)

    def fold(self, *events: Event) -> Self:
        self.partition.fold(events)
        self.flush()
        return self

    def flush(self) -> None:
        self.cache.add(self.partition.deltas.take().rolled_up())

    def __getitem__(self, about: str) -> Conversation:
        """Return the conversation of that id at the source `/test`."""
        return self.partition.conversations[conversation_key("/test", about)]

    def count(self, counter: int, at: str | None = None, tier: str = "minute", **where: str) -> int:
        """Return the counter, summed over spreads, in the pane that starts at `at` (None: all), in cells `where`."""
        return sum(
            amount
            for (start_ms, cell, found, _), amount in self.panes(tier).items()
            if found == counter
            and (at is None or start_ms == instant(at))
            and all(getattr(cell, name) == value for name, value in where.items())
        )

    def minutes(self, counter: int, **where: str) -> dict[str, int]:
        """Return minute to value of a counter, where it is not zero, in order: `{"12:01": 1}`."""
        return self._by_minute(counter, where, lambda spread: "")

    def durations(self, counter: int, **where: str) -> dict[str, int]:
        """Return minute and bucket of a histogram to count, as `{"12:09 " + minutes_long(9): 1}`."""
        return self._by_minute(counter, where, lambda spread: f" bucket {spread}")

    def _by_minute(self, counter: int, where: Mapping[str, str], name: Any) -> dict[str, int]:
        found: Multiset[tuple[int, str]] = Multiset()
        for (start_ms, cell, number, spread), amount in self.panes("minute").items():
            if number == counter and all(getattr(cell, key) == value for key, value in where.items()):
                found[start_ms, name(spread)] += amount
        return {_clock(start_ms) + suffix: amount for (start_ms, suffix), amount in sorted(found.items()) if amount}

    def backlog(self, at: str, **where: str) -> int:
        """Return the open conversations at the end of the minute `at`."""
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
    """Return the bucket of a duration, as `Log.durations` names it."""
    return f"bucket {bucket(round(minutes * MINUTE_MS))}"


#: SLA clocks met, and those that are missed at their minute unless met before.
MET, DUE = Counter.SLA_MET_FIRST_RESPONSE, Counter.SLA_DUE_FIRST_RESPONSE
RESOLUTION_MET, RESOLUTION_DUE = Counter.SLA_MET_RESOLUTION, Counter.SLA_DUE_RESOLUTION
NEXT_MET, NEXT_DUE = Counter.SLA_MET_NEXT_RESPONSE, Counter.SLA_DUE_NEXT_RESPONSE
DEPARTURE_COUNTERS = (Counter.RESOLVED, Counter.CLOSED, Counter.ABANDONED, Counter.MERGED, Counter.DELETED)

# ---- comparable forms: without cell numbers, without zeros ------------------------------------------------


def named(panes: PaneValues, cells: CellIndex) -> Panes:
    """Return panes of one tier with the dimensions themselves in place of cell numbers."""
    found: Panes = {}
    for key, values in panes.items():
        start_ms, cell = unpack_pane_key(key)
        for field, amount in values.items():
            counter, spread = field & COUNTER_MASK, field >> COUNTER_BITS
            if amount:
                found[start_ms, cells[cell], counter, spread] = amount
    return found


def all_tiers(tiers: Tiers, cells: CellIndex) -> dict[str, Panes]:
    return {name: named(panes, cells) for name, panes in zip(Tiers._fields, tiers, strict=True)}


def plain(conversation: Conversation, cells: CellIndex) -> dict[str, Any]:
    """Return a conversation as plain values, with cells in place of their numbers."""
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


def _plain_clock(clock: Clock, cells: CellIndex) -> dict[str, Any]:
    return clock._asdict() | {"cell": cells[clock.cell]}


def everything(log: Log) -> dict[str, Any]:
    """Return everything that two ways of folding the same log must agree on."""
    partition = log.partition
    return {
        "panes": all_tiers(log.cache.tiers, log.cells),
        "conversations": {key: plain(conversation, log.cells) for key, conversation in partition.conversations.items()},
        "books": msgspec.structs.asdict(partition.books),
        "watermark": partition.watermark,
    }


def departed_at(conversation: Conversation) -> tuple[str, int]:
    """Return how and when it departed."""
    return conversation.state, conversation.departed_at


def is_expired(conversation: Conversation, watermark: int) -> bool:
    """Return whether it has expired by the watermark, even if its state does not show that yet."""
    return conversation.state == OPEN and 0 < conversation.expires_at <= watermark


def totals(panes: Panes) -> dict[tuple[Cell, int], int]:
    """Return each counter of each cell over all of time and all spreads."""
    found: defaultdict[tuple[Cell, int], int] = defaultdict(int)
    for (_, cell, counter, _), amount in panes.items():
        found[cell, counter] += amount
    return dict(found)
