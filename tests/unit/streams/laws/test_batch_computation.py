"""Laws of the fold: in any log, the numbers equal the batch computation's."""

from collections import Counter as Multiset

from hypothesis import given, settings

from streams.conversations.conversation import NOT_BEGUN
from streams.events import Event
from streams.panes.cells import Cell
from streams.panes.counters import COUNTERS, Counter
from streams.panes.deltas import Tiers
from streams.panes.histograms import bucket
from streams.rules import RulesConfig, Targets
from tests.oracle import Oracle
from tests.support.streams.events import MINUTE_MS
from tests.support.streams.laws import BERLIN, FOR_EVER_MS, from_oracle, from_panes, oracle_of, quick, stocks
from tests.support.streams.log import Log, is_expired
from tests.support.streams.strategies import logs, sometimes_rules

NAMES = {number: name.lower() for name, number in COUNTERS.items()}


@quick
@given(logs(), sometimes_rules(zones=("UTC", BERLIN, "America/New_York", "Asia/Kathmandu")))
def test_panes_of_every_tier_equal_the_oracles_changes(events: list[Event], rules: RulesConfig) -> None:
    log, zone = Log(rules, events), rules.reporting_zone
    changes = oracle_of(events, rules, FOR_EVER_MS).changes
    for tier in Tiers._fields:
        assert from_panes(log.panes(tier)) == from_oracle(changes, tier, zone), tier


@quick
@given(logs(is_long=True), sometimes_rules(zones=("UTC", BERLIN)))
def test_days_equal_the_oracles_changes_however_late_events_are(events: list[Event], rules: RulesConfig) -> None:
    changes = oracle_of(events, rules, FOR_EVER_MS * 2).changes
    expected = from_oracle(changes, "day", rules.reporting_zone)
    assert from_panes(Log(rules, events).panes("day")) == expected


@quick
@given(logs(), sometimes_rules())
def test_conversations_equal_the_oracles_facts(events: list[Event], rules: RulesConfig) -> None:
    log = Log(rules, events)
    watermark = log.partition.watermark
    found = []
    for conversation in log.partition.conversations.values():
        if conversation.state == NOT_BEGUN:
            continue
        expired = is_expired(conversation, watermark)
        departed_at = conversation.expires_at if expired else conversation.departed_at
        facts = {
            "source": conversation.source,
            "conversation_id": conversation.conversation_id,
            "state": "expired" if expired else conversation.state,
            "opened_at": conversation.opened_at,
            "resolved_at": conversation.resolved_at or None,
            "departed_at": departed_at or None,
            "first_response_at": conversation.first_response_at or None,
            "message_count": conversation.message_count,
            "transferred_count": conversation.transferred_count,
            "escalated_count": conversation.escalated_count,
            "reopened_count": conversation.reopened_count,
            "is_implicit": conversation.is_implicit,
        }
        found.append(facts | log.cells[conversation.cell]._asdict())
    key = {"tenant": 0, "source": 1, "conversation_id": 2}
    found.sort(key=lambda row: tuple(str(row[name]) for name in key))
    assert found == oracle_of(events, rules).conversation_facts()


@quick
@given(logs(), sometimes_rules())
def test_durations_equal_the_oracles(events: list[Event], rules: RulesConfig) -> None:
    assert durations_of_the_panes(Log(rules, events)) == durations_of_the_oracle(oracle_of(events, rules))


DURATIONS = {
    Counter.FIRST_RESPONSE: "first_response",
    Counter.FIRST_RESPONSE_BUSINESS: "first_response",
    Counter.REPLY: "reply",
    Counter.REPLY_BUSINESS: "reply",
    Counter.RESOLUTION: "resolution",
    Counter.RESOLUTION_BUSINESS: "resolution",
}


def durations_of_the_panes(log: Log) -> dict[tuple[int, Cell, int, int], int]:
    panes = log.panes("minute")
    compared = {*DURATIONS, Counter.FIRST_PEER_ANSWER}
    return {key: amount for key, amount in panes.items() if key[2] in compared}


def durations_of_the_oracle(oracle: Oracle) -> Multiset[tuple[int, Cell, int, int]]:
    expected: Multiset[tuple[int, Cell, int, int]] = Multiset()
    for row in oracle.response_times():
        cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
        for counter, kind in DURATIONS.items():
            if kind == row["kind"]:
                expected[row["minute"], cell, counter, bucket(row["duration_ms"])] += 1
    for time in oracle.first_peer_answers():
        minute = time.at_ms // MINUTE_MS * MINUTE_MS
        expected[minute, Cell(*time.cell), Counter.FIRST_PEER_ANSWER, bucket(time.duration_ms)] += 1
    return expected


@quick
@given(logs(), sometimes_rules())
def test_sla_clocks_equal_the_oracles(events: list[Event], rules: RulesConfig) -> None:
    assert clocks_of_the_panes(Log(rules, events)) == clocks_of_the_oracle(oracle_of(events, rules, FOR_EVER_MS))


@settings(quick, max_examples=1_000)
@given(logs(is_turns=True, max_size=10))
def test_sla_clocks_equal_the_oracles_where_turns_change(events: list[Event]) -> None:
    targets = RulesConfig(targets=Targets(1800, 1800, 6 * 3600))
    oracle = oracle_of(events, targets, FOR_EVER_MS)
    assert clocks_of_the_panes(Log(targets, events)) == clocks_of_the_oracle(oracle)


@settings(quick, max_examples=1_000)
@given(logs(is_late_openings=True, max_size=9))
def test_a_late_opening_corrects_who_waited_as_the_oracle_does(events: list[Event]) -> None:
    targets = RulesConfig(targets=Targets(1800, 1800, 6 * 3600))
    log, oracle = Log(targets, events), oracle_of(events, targets)
    assert clocks_of_the_panes(log) == clocks_of_the_oracle(oracle_of(events, targets, FOR_EVER_MS))
    assert durations_of_the_panes(log) == durations_of_the_oracle(oracle)
    assert stocks(log) == stocks_of_the_oracle(oracle)


def clocks_of_the_oracle(oracle: Oracle) -> Multiset[tuple[str, int, Cell]]:
    # In the end a clock is met at the reply, missed at its due minute, or cancelled or paused, which is not counted.
    expected: Multiset[tuple[str, int, Cell]] = Multiset()
    for row in oracle.sla():
        if row["at_ms"] is not None:
            cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
            outcome = "met" if row["outcome"] == "met" else "due"
            expected[f"sla_{outcome}_{row['clock']}", row["at_ms"] // MINUTE_MS * MINUTE_MS, cell] += 1
    return expected


def clocks_of_the_panes(log: Log) -> dict[tuple[str, int, Cell], int]:
    return {
        (NAMES[counter], start_ms, cell): amount
        for (start_ms, cell, counter, _), amount in log.panes("minute").items()
        if Counter.SLA_MET_FIRST_RESPONSE <= counter <= Counter.SLA_DUE_RESOLUTION
    }


@quick
@given(logs(), sometimes_rules())
def test_waiting_parties_and_their_start_equal_the_oracles(events: list[Event], rules: RulesConfig) -> None:
    assert stocks(Log(rules, events)) == stocks_of_the_oracle(oracle_of(events, rules))


def stocks_of_the_oracle(oracle: Oracle) -> Multiset[tuple[int, Cell, int]]:
    expected: Multiset[tuple[int, Cell, int]] = Multiset()
    for row in oracle.open_since():
        cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
        expected[row["open_since_ms"] // MINUTE_MS * MINUTE_MS, cell, Counter.OPEN_SINCE] += 1
    for row in oracle.waiting():
        cell = Cell(row["tenant"], row["queue"], row["channel"], row["visibility"])
        counter = COUNTERS[f"WAITING_{row['waiting_on'].upper()}"]
        expected[row["since_ms"] // MINUTE_MS * MINUTE_MS, cell, counter] += 1
    return expected
