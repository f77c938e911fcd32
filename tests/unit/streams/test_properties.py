"""Laws of the fold: cut a log anywhere, repeat any part of it, restore at any point, and the numbers are the same.

The brute force is `oracle.Oracle`, a batch computation over the whole log that shares no code with `streams/`.
"""

from __future__ import annotations

from collections import Counter as Multiset
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.conversations.conversation import NOT_BEGUN, OPEN, Conversation
from streams.days import ReportingDays
from streams.events import KNOWN_TYPES, Event
from streams.panes.cells import Cell
from streams.panes.counters import BACKLOG_SIGN, COUNTERS, Counter
from streams.panes.deltas import PaneDeltas, Tiers, pane_key, unpack_pane_key
from streams.panes.histograms import bucket
from streams.rules import CLOCK_KINDS, Rules, Targets
from tests.oracle import Oracle
from tests.oracle.fold import Change
from tests.support.events import (
    DAY_MS,
    DEPARTURE_COUNTERS,
    EPOCH,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    Log,
    Panes,
    all_tiers,
    cut,
    everything,
    is_expired,
    logs,
    make_event,
    named,
    record,
    sometimes_rules,
    totals,
)

pytestmark = pytest.mark.filterwarnings("error")

quick = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NAMES = {number: name.lower() for name, number in COUNTERS.items()}
BERLIN = "Europe/Berlin"
#: A watermark by which every idle limit and every promise of a short log has passed.
FOR_EVER_MS = START_MS + 1000 * DAY_MS


# ---- the slow definitions --------------------------------------------------------------------------------


def interval(tier: str, at_ms: int, zone: str = "UTC") -> tuple[int, int]:
    """The half-open interval of a tier that holds an instant; days are those of the zone."""
    if tier != "day":
        size_ms = MINUTE_MS if tier == "minute" else HOUR_MS
        return at_ms - at_ms % size_ms, at_ms - at_ms % size_ms + size_ms
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date()
    start, end = (
        (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - EPOCH) // timedelta(milliseconds=1)
        for day in (local, local + timedelta(days=1))
    )
    return start, end


def oracle_of(events: list[Event], rules: Rules, watermark_ms: int | None = None) -> Oracle:
    targets = {kind: rules.targets.seconds(number) for number, kind in enumerate(CLOCK_KINDS)}
    return Oracle(
        map(record, events),
        idle_limit_seconds=rules.idle_limit_seconds.get(""),
        target_seconds={kind: seconds for kind, seconds in targets.items() if seconds is not None},
        watermark_ms=watermark_ms,
    )


#: What the oracle calls them, and the counters of the core that say the same together.
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
    found: Multiset[tuple[str, int, tuple[str, ...]]] = Multiset()
    for (start_ms, cell, counter, _), amount in panes.items():
        if counter in OUR_NAME:
            found[OUR_NAME[counter], start_ms, tuple(cell)] += amount
    return {key: amount for key, amount in found.items() if amount}


def from_oracle(changes: list[Change], tier: str, zone: str = "UTC") -> Numbers:
    found: Multiset[tuple[str, int, tuple[str, ...]]] = Multiset()
    for change in changes:
        name = f"{change.counter} {change.kind}".strip()
        found[name, interval(tier, change.at_ms, zone)[0], tuple(change.cell)] += change.amount
    return {key: amount for key, amount in found.items() if amount}


def open_ms_by_brute_force(changes: list[Change], tier: str, zone: str) -> dict[tuple[int, tuple[str, ...]], int]:
    """Per interval and cell the integral of what the backlog gained since the interval began."""
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


# ---- where a batch ends changes nothing ------------------------------------------------------------------


@quick
@given(st.data(), sometimes_rules(zones=("UTC", BERLIN)), st.booleans())
def test_cut_into_batches_and_flushes_anywhere_the_numbers_are_the_same(
    data: st.DataObject, rules: Rules, is_long: bool
) -> None:
    events = data.draw(logs(is_long=is_long))
    whole, pieces = Log(rules, events), Log(rules)
    for piece in data.draw(cuts(events)):
        pieces.partition.fold(piece)
        if data.draw(st.booleans()):
            pieces.flush()
    pieces.flush()
    assert everything(pieces) == everything(whole)


@st.composite
def cuts(draw: st.DrawFn, events: list[Event]) -> list[list[Event]]:
    return cut(draw, events)


@quick
@given(st.data(), sometimes_rules(), st.booleans())
def test_panes_that_leave_memory_and_are_read_back_keep_their_values(
    data: st.DataObject, rules: Rules, is_long: bool
) -> None:
    events = data.draw(logs(is_long=is_long))
    whole, forgetful = Log(rules, events), Log(rules)
    cache = forgetful.cache
    ledger: dict[str, dict[int, dict[int, int]]] = {tier: {} for tier in Tiers._fields}
    for piece in data.draw(cuts(events)):
        forgetful.partition.fold(piece)
        deltas = forgetful.partition.deltas.take().rolled_up()
        for tier, key in cache.missing(deltas):
            cache.load(tier, [(key, dict(ledger[tier].get(key, {})))])
        for row in cache.add(deltas):
            ledger[row.tier][pane_key(row.start_ms, row.cell)] = dict(row.values)
        cache.evict(data.draw(st.integers(1, 6)))
    assert all_tiers(Tiers(**ledger), forgetful.cells) == everything(whole)["panes"]


@quick
@given(st.data(), sometimes_rules(zones=("UTC", BERLIN), cell_limit=3), st.booleans())
def test_restored_at_any_point_with_other_numbers_of_cells_it_goes_on_as_if_nothing_had_been(
    data: st.DataObject, rules: Rules, is_long: bool
) -> None:
    events = data.draw(logs(is_long=is_long))
    border = data.draw(st.integers(0, len(events)))
    before, after = Log(rules, events[:border]), Log(rules)

    seen = {cell for panes in all_tiers(before.cache.tiers, before.cells).values() for _, cell, _, _ in panes}
    for cell in sorted(seen, reverse=True):
        after.cells.number(cell)
    after.partition.restore(before.partition.watermark, msgspec.structs.replace(before.partition.books))
    after.partition.admission.restore(sorted(before.partition.admission))
    for name, one in before.partition.conversations.items():
        after.partition.conversations[name] = carried_over(one, before, after)
    for tier, panes in zip(Tiers._fields, before.cache.tiers, strict=True):
        rows = []
        for key, values in panes.items():
            start_ms, number = unpack_pane_key(key)
            rows.append((pane_key(start_ms, after.cells.number(before.cells[number])), dict(values)))
        after.cache.load(tier, rows)

    assert everything(after.fold(*events[border:])) == everything(Log(rules, events))


def carried_over(one: Conversation, before: Log, after: Log) -> Conversation:
    """The conversation as a reader of its row has it: the same bytes, but for the numbers of its cells."""

    def number(cell: int) -> int:
        return after.cells.number(before.cells[cell])

    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Conversation)
    copy.cell, copy.opening_cell = number(one.cell), number(one.opening_cell)
    copy.resolution_cell = number(one.resolution_cell)
    copy.clocks = tuple(clock._replace(cell=number(clock.cell)) for clock in one.clocks)
    if one.first_turn is not None:
        clock = one.first_turn.clock
        copy.first_turn = one.first_turn._replace(
            cell=number(one.first_turn.cell), clock=clock and clock._replace(cell=number(clock.cell))
        )
    return copy


# ---- at least once -----------------------------------------------------------------------------------------


@quick
@given(st.data(), sometimes_rules())
def test_events_that_come_again_change_the_books_alone(data: st.DataObject, rules: Rules) -> None:
    events = data.draw(logs())
    again = data.draw(st.lists(st.sampled_from(events), max_size=10)) if events else []
    once, twice = Log(rules, events), Log(rules, events + again)
    books = once.partition.books
    expected = msgspec.structs.replace(books, duplicate=books.duplicate + len(again))
    assert everything(twice) == everything(once) | {"books": msgspec.structs.asdict(expected)}


@quick
@given(logs(), sometimes_rules())
def test_the_books_balance(events: list[Event], rules: Rules) -> None:
    log = Log(rules)
    accepted = log.partition.fold(events)
    books = log.partition.books
    assert books.applied + books.duplicate == len(events)
    assert books.applied == len(accepted)
    assert books.ignored == sum(one.type not in KNOWN_TYPES for one in accepted.events)
    # Late: more than a minute before the latest instant of the records in front of it.
    latest, late_ids = 0, []
    for one in events:
        if one.occurred_at < latest - 60_000:
            late_ids.append(one.id)
        latest = max(latest, one.occurred_at)
    assert log.partition.watermark == latest
    late = {one.id for one, is_late in zip(accepted.events, accepted.is_late, strict=True) if is_late}
    assert late <= set(late_ids)
    assert books.late == sum(accepted.is_late)


# ---- equal to the batch computation -----------------------------------------------------------------------


@quick
@given(logs(), sometimes_rules(zones=("UTC", BERLIN, "America/New_York", "Asia/Kathmandu")))
def test_panes_of_every_tier_equal_the_oracles_changes(events: list[Event], rules: Rules) -> None:
    log, zone = Log(rules, events), rules.reporting_zone
    changes = oracle_of(events, rules, FOR_EVER_MS).changes
    for tier in Tiers._fields:
        assert from_panes(log.panes(tier)) == from_oracle(changes, tier, zone), tier


@quick
@given(logs(is_long=True), sometimes_rules(zones=("UTC", BERLIN)))
def test_days_equal_the_oracles_changes_however_late_events_are(events: list[Event], rules: Rules) -> None:
    changes = oracle_of(events, rules, FOR_EVER_MS * 2).changes
    expected = from_oracle(changes, "day", rules.reporting_zone)
    assert from_panes(Log(rules, events).panes("day")) == expected


@quick
@given(logs(), sometimes_rules())
def test_conversations_equal_the_oracles_facts(events: list[Event], rules: Rules) -> None:
    log = Log(rules, events)
    watermark = log.partition.watermark
    found = []
    for one in log.partition.conversations.values():
        if one.state == NOT_BEGUN:
            continue
        expired = is_expired(one, watermark)
        departed_at = one.expires_at if expired else one.departed_at
        facts = {
            "source": one.source,
            "conversation_id": one.conversation_id,
            "state": "expired" if expired else one.state,
            "opened_at": one.opened_at,
            "resolved_at": one.resolved_at or None,
            "departed_at": departed_at or None,
            "first_response_at": one.first_response_at or None,
            "message_count": one.message_count,
            "transferred_count": one.transferred_count,
            "escalated_count": one.escalated_count,
            "reopened_count": one.reopened_count,
            "is_implicit": one.is_implicit,
        }
        found.append(facts | log.cells[one.cell]._asdict())
    key = {"tenant": 0, "source": 1, "conversation_id": 2}
    found.sort(key=lambda row: tuple(str(row[name]) for name in key))
    assert found == oracle_of(events, rules).conversation_facts()


@quick
@given(logs(), sometimes_rules())
def test_durations_equal_the_oracles(events: list[Event], rules: Rules) -> None:
    assert durations_of_the_panes(events, rules) == durations_of_the_oracle(events, rules)


DURATIONS = {
    Counter.FIRST_RESPONSE: "first_response",
    Counter.FIRST_RESPONSE_BUSINESS: "first_response",
    Counter.REPLY: "reply",
    Counter.REPLY_BUSINESS: "reply",
    Counter.RESOLUTION: "resolution",
    Counter.RESOLUTION_BUSINESS: "resolution",
}


def durations_of_the_panes(events: list[Event], rules: Rules) -> dict[tuple[int, Cell, int, int], int]:
    panes = Log(rules, events).panes("minute")
    compared = {*DURATIONS, Counter.FIRST_PEER_ANSWER}
    return {key: amount for key, amount in panes.items() if key[2] in compared}


def durations_of_the_oracle(events: list[Event], rules: Rules) -> Multiset[tuple[int, Cell, int, int]]:
    expected: Multiset[tuple[int, Cell, int, int]] = Multiset()
    for row in oracle_of(events, rules).response_times():
        cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
        for counter, kind in DURATIONS.items():
            if kind == row["kind"]:
                expected[row["minute"], cell, counter, bucket(row["duration_ms"])] += 1
    for time in oracle_of(events, rules).first_peer_answers():
        minute = time.at_ms // MINUTE_MS * MINUTE_MS
        expected[minute, Cell(*time.cell), Counter.FIRST_PEER_ANSWER, bucket(time.duration_ms)] += 1
    return expected


@quick
@given(logs(), sometimes_rules())
def test_promises_equal_the_oracles(events: list[Event], rules: Rules) -> None:
    assert promises_of_the_panes(events, rules) == promises_of_the_oracle(events, rules)


@settings(quick, max_examples=1_000)
@given(logs(is_turns=True, max_size=10))
def test_promises_equal_the_oracles_where_turns_change(events: list[Event]) -> None:
    targets = Rules(targets=Targets(1800, 1800, 6 * 3600))
    assert promises_of_the_panes(events, targets) == promises_of_the_oracle(events, targets)


@settings(quick, max_examples=1_000)
@given(logs(is_late_openings=True, max_size=9))
def test_a_late_opening_decides_who_waited_as_the_oracle_does(events: list[Event]) -> None:
    targets = Rules(targets=Targets(1800, 1800, 6 * 3600))
    assert promises_of_the_panes(events, targets) == promises_of_the_oracle(events, targets)
    assert durations_of_the_panes(events, targets) == durations_of_the_oracle(events, targets)
    assert stocks(Log(targets, events)) == stocks_of_the_oracle(events, targets)


def promises_of_the_oracle(events: list[Event], rules: Rules) -> Multiset[tuple[str, int, Cell]]:
    # In the end a promise is met at the reply, missed at its due minute, or cancelled or paused: nothing counts that.
    expected: Multiset[tuple[str, int, Cell]] = Multiset()
    for row in oracle_of(events, rules, FOR_EVER_MS).sla():
        if row["at_ms"] is not None:
            cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
            outcome = "met" if row["outcome"] == "met" else "due"
            expected[f"sla_{outcome}_{row['clock']}", row["at_ms"] // MINUTE_MS * MINUTE_MS, cell] += 1
    return expected


def promises_of_the_panes(events: list[Event], rules: Rules) -> dict[tuple[str, int, Cell], int]:
    return {
        (NAMES[counter], start_ms, cell): amount
        for (start_ms, cell, counter, _), amount in Log(rules, events).panes("minute").items()
        if Counter.SLA_MET_FIRST_RESPONSE <= counter <= Counter.SLA_DUE_RESOLUTION
    }


@quick
@given(logs(), sometimes_rules())
def test_who_waits_and_since_when_equals_the_oracle(events: list[Event], rules: Rules) -> None:
    assert stocks(Log(rules, events)) == stocks_of_the_oracle(events, rules)


def stocks_of_the_oracle(events: list[Event], rules: Rules) -> Multiset[tuple[int, Cell, int]]:
    oracle = oracle_of(events, rules)
    expected: Multiset[tuple[int, Cell, int]] = Multiset()
    for row in oracle.open_since():
        cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
        expected[row["open_since_ms"] // MINUTE_MS * MINUTE_MS, cell, Counter.OPEN_SINCE] += 1
    for row in oracle.waiting():
        cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
        counter = COUNTERS[f"WAITING_{row['waiting_on'].upper()}"]
        expected[row["since_ms"] // MINUTE_MS * MINUTE_MS, cell, counter] += 1
    return expected


def stocks(log: Log, tier: str = "minute") -> dict[tuple[int, Cell, int], int]:
    """`open_since` and `waiting` of what is open at the watermark: neither expired before nor just then."""
    found: Multiset[tuple[int, Cell, int]] = Multiset()
    for (start_ms, cell, counter, hour), amount in log.panes(tier).items():
        is_stock = Counter.OPEN_SINCE <= counter <= Counter.WAITING_THIRD_PARTY
        if is_stock and (hour == 0 or hour * HOUR_MS > log.partition.watermark):
            found[start_ms, cell, counter] += amount
    return {key: amount for key, amount in found.items() if amount}


# ---- sums ------------------------------------------------------------------------------------------------


@quick
@given(logs(is_long=True), sometimes_rules(zones=("UTC", BERLIN)))
def test_a_pane_is_the_sum_of_what_its_conversations_contribute(events: list[Event], rules: Rules) -> None:
    # Alone, but on the same course of the watermark: what the others say is there, and means nothing.
    whole = Log(rules, events)
    summed: dict[str, Multiset[tuple[int, Cell, int, int]]] = {tier: Multiset() for tier in Tiers._fields}
    for source, about in {(one.source, one.conversation_id) for one in events}:
        alone = Log(rules)
        alone.fold(
            *(
                one
                if (one.source, one.conversation_id) == (source, about)
                else make_event("weather.changed", "the weather", one.occurred_at, f"weather {number}")
                for number, one in enumerate(events)
            )
        )
        for tier in Tiers._fields:
            for key, amount in alone.panes(tier).items():
                summed[tier][key] += amount
    for tier in Tiers._fields:
        assert {key: amount for key, amount in summed[tier].items() if amount} == whole.panes(tier), tier


@quick
@given(logs(), sometimes_rules())
def test_per_cell_arrivals_minus_departures_plus_moves_are_the_open_conversations(
    events: list[Event], rules: Rules
) -> None:
    log = Log(rules, events)
    watermark = log.partition.watermark
    open_by_cell = Multiset(
        log.cells[one.cell]
        for one in log.partition.conversations.values()
        if one.state == OPEN and not is_expired(one, watermark)
    )
    for tier in ("minute", "hour"):  # an expiry stands at a full hour
        backlog: Multiset[Cell] = Multiset()
        for (start_ms, cell, counter, _), amount in log.panes(tier).items():
            if counter != Counter.EXPIRING or start_ms <= watermark:
                backlog[cell] += BACKLOG_SIGN.get(counter, 0) * amount
        assert {cell: amount for cell, amount in backlog.items() if amount} == open_by_cell
    for tier in Tiers._fields:
        waiting, since = Multiset[Cell](), Multiset[Cell]()
        for (_, cell, counter), amount in stocks(log, tier).items():
            (since if counter is Counter.OPEN_SINCE else waiting)[cell] += amount
        assert {cell: amount for cell, amount in since.items() if amount} == open_by_cell
        assert {cell: amount for cell, amount in waiting.items() if amount} == open_by_cell


@quick
@given(logs(is_long=True), sometimes_rules())
def test_over_years_the_days_still_hold_every_open_conversation(events: list[Event], rules: Rules) -> None:
    log = Log(rules, events)
    never_expiring = Multiset(
        log.cells[one.cell] for one in log.partition.conversations.values() if one.state == OPEN and not one.expires_at
    )
    backlog: Multiset[Cell] = Multiset()
    for (cell, counter), amount in totals(log.panes("day")).items():
        backlog[cell] += BACKLOG_SIGN.get(counter, 0) * amount
    assert {cell: amount for cell, amount in backlog.items() if amount} == never_expiring


@quick
@given(logs(), sometimes_rules())
def test_no_stock_is_ever_negative(events: list[Event], rules: Rules) -> None:
    for tier in Tiers._fields:
        for (_, _, counter, _), amount in Log(rules, events).panes(tier).items():
            if Counter.OPEN_SINCE <= counter <= Counter.SLA_MARGIN or counter is Counter.EXPIRING:
                assert amount > 0


# ---- tiers ------------------------------------------------------------------------------------------------


@quick
@given(logs(), sometimes_rules(zones=("UTC", BERLIN)))
def test_the_area_under_the_backlog_equals_the_integral(events: list[Event], rules: Rules) -> None:
    log = Log(rules, events)
    changes = oracle_of(events, rules, FOR_EVER_MS).changes
    for tier in Tiers._fields:
        found = {
            (start_ms, tuple(cell)): amount
            for (start_ms, cell, counter, _), amount in log.panes(tier).items()
            if counter is Counter.OPEN_MS
        }
        assert found == open_ms_by_brute_force(changes, tier, rules.reporting_zone), tier


@quick
@given(logs(), sometimes_rules(zones=("UTC", BERLIN)))
def test_within_the_horizon_hours_and_days_are_the_sums_of_their_minutes(events: list[Event], rules: Rules) -> None:
    log = Log(rules, events)
    for tier in ("hour", "day"):
        summed: Multiset[tuple[int, Cell, int, int]] = Multiset()
        for (start_ms, cell, counter, spread), amount in log.panes("minute").items():
            if counter != Counter.OPEN_MS:
                summed[interval(tier, start_ms, rules.reporting_zone)[0], cell, counter, spread] += amount
        coarse = {key: amount for key, amount in log.panes(tier).items() if key[2] != Counter.OPEN_MS}
        assert {key: amount for key, amount in summed.items() if amount} == coarse, tier


_instants = st.integers(START_MS - 500 * DAY_MS, START_MS + 30 * DAY_MS) | st.sampled_from(
    [START_MS - days * DAY_MS + ms for days in (14, 400) for ms in (-MINUTE_MS - 1, -1, 0, 1, MINUTE_MS, HOUR_MS)]
)
_contributions = st.lists(
    st.tuples(
        _instants,
        st.integers(0, 2),
        st.sampled_from([*COUNTERS.values()]),
        st.sampled_from([1, 1, -1, 3]),
        st.booleans(),
    ),
    max_size=25,
)


@quick
@given(_contributions, st.sampled_from(["UTC", BERLIN]))
def test_a_contribution_behind_a_tiers_horizon_skips_that_tier(
    contributions: list[tuple[int, int, int, int, bool]], zone: str
) -> None:
    # minute: 14 d behind the watermark, hour: 400 d, day: never
    deltas = PaneDeltas(ReportingDays(zone))
    watermark = 0
    expected: dict[str, Multiset[tuple[int, int, int]]] = {tier: Multiset() for tier in Tiers._fields}
    for at_ms, cell, counter, count, moves_watermark in contributions:
        horizons = {"minute": watermark - 14 * DAY_MS, "hour": watermark - 400 * DAY_MS, "day": 0}
        for tier in Tiers._fields:
            start_ms, end_ms = interval(tier, at_ms, zone)
            if start_ms >= horizons[tier] or interval("minute", at_ms)[0] >= horizons["minute"]:
                if counter != Counter.OPEN_MS:
                    expected[tier][start_ms, cell, counter] += count
                if counter in BACKLOG_SIGN:
                    expected[tier][start_ms, cell, Counter.OPEN_MS] += BACKLOG_SIGN[counter] * count * (end_ms - at_ms)
        if counter in BACKLOG_SIGN:
            deltas.add_backlog(at_ms, cell, counter, count)
        elif counter != Counter.OPEN_MS:
            deltas.add(at_ms, cell, counter, count)
        if moves_watermark:
            watermark = max(watermark, at_ms // MINUTE_MS * MINUTE_MS)
            deltas.advance(watermark)
    log = Log()
    for number in range(3):
        log.cells.number(Cell(str(number), "", "", ""))
    for tier, panes in zip(Tiers._fields, deltas.rolled_up(), strict=True):
        found = {
            (start_ms, int(cell.tenant), counter): amount
            for (start_ms, cell, counter, _), amount in named(panes, log.cells).items()
        }
        assert found == {key: amount for key, amount in expected[tier].items() if amount}, tier


@quick
@given(_instants, st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]))
def test_a_reporting_day_runs_from_midnight_to_midnight_of_its_zone(at_ms: int, zone: str) -> None:
    days = ReportingDays(zone)
    start_ms, end_ms = interval("day", at_ms, zone)
    assert (days.start(at_ms), days.end(at_ms)) == (start_ms, end_ms)
    assert start_ms <= at_ms < end_ms
    assert days.start(end_ms) == end_ms
