"""SLA clocks in the oracle: met, missed, paused, replaced and cancelled."""

import pytest

from tests.oracle import Oracle
from tests.support.streams.oracle_cases import clocks, does, event, opened, says

TEN_MINUTES = {"first_response": 600}


@pytest.mark.parametrize(
    ("reply", "expected"), [("10:10:00.000", ("met", "10:10")), ("10:10:00.001", ("missed", "10:10"))]
)
def test_a_reply_at_the_due_instant_is_in_time(reply: str, expected: tuple[str, str]) -> None:
    oracle = Oracle([opened("10:00"), says("agent", reply)], target_seconds=TEN_MINUTES)
    assert clocks(oracle) == [("first_response", *expected)]


def test_a_clock_is_missed_only_if_due_before_the_watermark() -> None:
    log = [opened("10:00"), event("ignored.type", "10:10")]
    assert clocks(Oracle(log, target_seconds=TEN_MINUTES)) == [("first_response", "open", "10:10")]
    log.append(event("ignored.type", "10:10:00.001"))
    assert clocks(Oracle(log, target_seconds=TEN_MINUTES)) == [("first_response", "missed", "10:10")]


def test_waiting_pauses_a_clock_and_it_resumes_with_the_remaining_time() -> None:
    # 10:00, due 10:10; paused 10:04 with 6 minutes left; resumes 11:00, due 11:06
    log = [opened("10:00"), does("waiting", "10:04", waiting_on="customer")]
    assert clocks(Oracle([*log, event("x", "12:00")], target_seconds=TEN_MINUTES)) == [("first_response", "open", None)]
    for resuming in (does("resumed", "11:00"), says("customer", "11:00")):
        met = Oracle([*log, resuming, says("agent", "11:06")], target_seconds=TEN_MINUTES)
        assert clocks(met) == [("first_response", "met", "11:06")]
        missed = Oracle([*log, resuming, says("agent", "11:07")], target_seconds=TEN_MINUTES)
        assert clocks(missed) == [("first_response", "missed", "11:06")]


def test_a_late_message_cannot_end_a_pause_before_the_last_transition() -> None:
    # resolution 1 h, due 11:00; paused 10:30 with 30 minutes left; written 10:20, arrives after it: nothing was paused
    log = [opened("10:00"), says("agent", "10:10"), does("waiting", "10:30"), says("customer", "10:20")]
    assert clocks(Oracle(log, target_seconds={"resolution": 3600})) == [("resolution", "open", "11:00")]
    # paused 10:20 with 40 minutes left, then for another party at 10:40; written 10:30: resumes 10:40, due 11:20
    log = [opened("10:00"), does("waiting", "10:20"), does("waiting", "10:40", waiting_on="third_party")]
    oracle = Oracle([*log, says("customer", "10:30")], target_seconds={"resolution": 3600})
    assert clocks(oracle) == [("resolution", "open", "11:20")]


def test_a_departure_cancels_a_clock_not_yet_due_and_no_other() -> None:
    assert clocks(Oracle([opened("10:00"), does("closed", "10:09")], target_seconds=TEN_MINUTES)) == []
    assert clocks(Oracle([opened("10:00"), does("closed", "10:11")], target_seconds=TEN_MINUTES)) == [
        ("first_response", "missed", "10:10")
    ]


def test_a_reopening_restarts_the_resolution_clock_and_never_first_response() -> None:
    # resolution 1 h: met 10:30; reopened 11:00, due 12:00, resolved 12:01: missed. First response: cancelled, no more.
    oracle = Oracle(
        [
            opened("10:00"),
            does("resolved", "10:05"),
            does("reopened", "11:00"),
            says("customer", "11:01"),
            does("resolved", "12:01"),
        ],
        target_seconds={"first_response": 600, "resolution": 3600},
    )
    assert clocks(oracle) == [("resolution", "met", "10:05"), ("resolution", "missed", "12:00")]


def test_later_episodes_have_clocks_of_their_own() -> None:
    # next response 5 min: customer 10:10, due 10:15, answer 10:14 met; customer 10:20, due 10:25, answer 10:30 missed
    oracle = Oracle(
        [
            opened("10:00"),
            says("agent", "10:05"),
            says("customer", "10:10"),
            says("agent", "10:14"),
            says("customer", "10:20"),
            says("agent", "10:30"),
        ],
        target_seconds={"next_response": 300},
    )
    assert clocks(oracle) == [("next_response", "met", "10:14"), ("next_response", "missed", "10:25")]


def test_a_target_set_by_the_source_replaces_a_clock_not_past_due() -> None:
    target = {"clock": "first_response", "due_at": "2024-03-04T10:30:00Z"}
    in_time = [opened("10:00"), event("sla.target_set", "10:05", **target), says("agent", "10:20")]
    too_late = [opened("10:00"), event("sla.target_set", "10:15", **target), says("agent", "10:20")]
    assert clocks(Oracle(in_time, target_seconds=TEN_MINUTES)) == [("first_response", "met", "10:20")]
    assert clocks(Oracle(too_late, target_seconds=TEN_MINUTES)) == [("first_response", "missed", "10:10")]
    on_opening = [opened("10:00", **target), says("agent", "10:20")]
    assert clocks(Oracle(on_opening)) == [("first_response", "met", "10:20")]


def test_a_clock_counts_in_the_cell_of_its_conversation() -> None:
    # due 10:10 while in `second`: missed there, though answered in `third`
    oracle = Oracle(
        [
            opened("10:00", queue="first"),
            does("queued", "10:05", queue="second"),
            does("queued", "10:15", queue="third"),
            says("agent", "10:20"),
        ],
        target_seconds=TEN_MINUTES,
    )
    assert [(row["outcome"], row["queue"]) for row in oracle.sla()] == [("missed", "second")]
