"""References for the laws of the fold: the oracle on the same events, and the slow definitions.

The brute force is `tests.oracle.Oracle`, a batch computation over the whole log that shares no code with `streams/`.
"""

from collections import Counter as Multiset
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings

from streams.events import Event
from streams.panes.cells import Cell
from streams.panes.counters import Counter
from streams.rules import CLOCK_KINDS, RulesConfig
from tests.oracle import Oracle
from tests.oracle.changes import Change
from tests.support.streams.events import DAY_MS, EPOCH, HOUR_MS, MINUTE_MS, record
from tests.support.streams.log import DEPARTURE_COUNTERS, Log, Panes
from tests.support.streams.strategies import START_MS

quick = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
BERLIN = "Europe/Berlin"
#: A watermark by which every idle limit and every SLA clock of a short log has passed.
FOR_EVER_MS = START_MS + 1000 * DAY_MS


def interval(tier: str, at_ms: int, zone: str = "UTC") -> tuple[int, int]:
    """Return the half-open interval of a tier that holds an instant; days are those of the zone."""
    if tier != "day":
        size_ms = MINUTE_MS if tier == "minute" else HOUR_MS
        return at_ms - at_ms % size_ms, at_ms - at_ms % size_ms + size_ms
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date()
    start, end = (
        (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - EPOCH) // timedelta(milliseconds=1)
        for day in (local, local + timedelta(days=1))
    )
    return start, end


def oracle_of(events: list[Event], rules: RulesConfig, watermark_ms: int | None = None) -> Oracle:
    """Run the batch computation over the same events, with the same rules."""
    targets = {kind: rules.targets.seconds(number) for number, kind in enumerate(CLOCK_KINDS)}
    return Oracle(
        map(record, events),
        idle_limit_seconds=rules.idle_limit_seconds.get(""),
        target_seconds={kind: seconds for kind, seconds in targets.items() if seconds is not None},
        watermark_ms=watermark_ms,
    )


#: The oracle's names, and the counters of the core that together mean the same.
COMPARED: dict[str, tuple[int, ...]] = {
    "arrived": (Counter.OPENED, Counter.REOPENED),
    "departed": (*DEPARTURE_COUNTERS, Counter.EXPIRING),
    "moved_in": (Counter.MOVED_IN,),
    "moved_out": (Counter.MOVED_OUT,),
    "opened_inbound": (Counter.CONTACT,),
    "inbound_message": (Counter.INBOUND_MESSAGE,),
    "escalated functional": (Counter.ESCALATED_FUNCTIONAL,),
    "escalated hierarchical": (Counter.ESCALATED_HIERARCHICAL,),
    "escalated handoff": (Counter.ESCALATED_HANDOFF,),
    "escalated regulatory": (Counter.ESCALATED_REGULATORY,),
    "accepted": (Counter.SOLUTION_ACCEPTED,),
    "accepted_from_peer": (Counter.SOLUTION_ACCEPTED_FROM_PEER,),
    "before_staff": (Counter.PEER_BEFORE_STAFF,),
    "saved": (Counter.SAVED_BY_PEER,),
    "session_ended": (Counter.SESSION_ENDED,),
    "session_contained": (Counter.SESSION_CONTAINED,),
}
OUR_NAME = {counter: name for name, counters in COMPARED.items() for counter in counters}

Numbers = dict[tuple[str, int, tuple[str, ...]], int]


def from_panes(panes: Panes) -> Numbers:
    """Return what the panes count, by the names of the oracle."""
    found: Multiset[tuple[str, int, tuple[str, ...]]] = Multiset()
    for (start_ms, cell, counter, _), amount in panes.items():
        if counter in OUR_NAME:
            found[OUR_NAME[counter], start_ms, tuple(cell)] += amount
    return {key: amount for key, amount in found.items() if amount}


def from_oracle(changes: list[Change], tier: str, zone: str = "UTC") -> Numbers:
    """Return the sums of the oracle's changes in the intervals of a tier."""
    found: Multiset[tuple[str, int, tuple[str, ...]]] = Multiset()
    for change in changes:
        name = f"{change.counter} {change.kind}".strip()
        found[name, interval(tier, change.at_ms, zone)[0], tuple(change.cell)] += change.amount
    return {key: amount for key, amount in found.items() if amount}


def open_ms_by_brute_force(changes: list[Change], tier: str, zone: str) -> dict[tuple[int, tuple[str, ...]], int]:
    """Return, per interval and cell, the integral of the backlog's gain since the interval began."""
    signs = {"arrived": 1, "moved_in": 1, "moved_out": -1, "departed": -1}
    steps: defaultdict[tuple[int, tuple[str, ...]], list[tuple[int, int]]] = defaultdict(list)
    for change in changes:
        if sign := signs.get(change.counter, 0) * change.amount:
            steps[interval(tier, change.at_ms, zone)[0], tuple(change.cell)].append((change.at_ms, sign))
    areas = {}
    for (start_ms, cell), changed in steps.items():
        area = backlog = 0
        before_ms = start_ms
        for at_ms, sign in sorted(changed):
            area += backlog * (at_ms - before_ms)
            backlog, before_ms = backlog + sign, at_ms
        areas[start_ms, cell] = area + backlog * (interval(tier, start_ms, zone)[1] - before_ms)
    return {key: area for key, area in areas.items() if area}


def stocks(log: Log, tier: str = "minute") -> dict[tuple[int, Cell, int], int]:
    """Return `open_since` and `waiting` of what is open at the watermark: neither expired before nor just then."""
    found: Multiset[tuple[int, Cell, int]] = Multiset()
    for (start_ms, cell, counter, hour), amount in log.panes(tier).items():
        is_stock = Counter.OPEN_SINCE <= counter <= Counter.WAITING_THIRD_PARTY
        if is_stock and (hour == 0 or hour * HOUR_MS > log.partition.watermark):
            found[start_ms, cell, counter] += amount
    return {key: amount for key, amount in found.items() if amount}
