"""SLA clocks: met, missed, paused, replaced and cancelled."""

from streams.panes.counters import Counter
from tests.support.streams.events import does, event, handed_off, message, opened, reply
from tests.support.streams.log import (
    DUE,
    MET,
    NEXT_DUE,
    NEXT_MET,
    RESOLUTION_DUE,
    RESOLUTION_MET,
    Log,
    minutes_long,
    rules,
)


def test_a_reply_at_the_due_instant_is_in_time() -> None:
    # due 12:05:00.000
    in_time = Log(rules(first_response=300), [opened("a", at="12:00"), reply("a", at="12:05:00.000")])
    assert (in_time.minutes(MET), in_time.minutes(DUE)) == ({"12:05": 1}, {})
    too_late = Log(rules(first_response=300), [opened("a", at="12:00"), reply("a", at="12:05:00.001")])
    assert (too_late.minutes(MET), too_late.minutes(DUE)) == ({}, {"12:05": 1})


def test_waiting_pauses_a_clock_and_it_resumes_with_the_remaining_time() -> None:
    # 12:00 ------ 12:20 ....... 13:20 -------- 14:00     target 1 h: 20 min used, 40 remain
    #   open        waiting       resumed         due     while it waits, nothing falls due
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20")])
    assert log.minutes(RESOLUTION_DUE) == {}
    log.fold(does("resumed", "a", at="13:20"))
    assert log.minutes(RESOLUTION_DUE) == {"14:00": 1}


def test_any_customer_message_resumes_a_clock_too() -> None:
    log = Log(
        rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20", waiting_on="third_party")]
    )
    assert log.fold(message("a", at="12:50")).minutes(RESOLUTION_DUE) == {"13:30": 1}


def test_a_late_message_cannot_end_a_pause_before_the_last_transition() -> None:
    # Due 13:00. After the answer at 12:10 it waits on the customer without a pause; `waiting` pauses with 30 min left.
    log = Log(
        rules(resolution=3600), [opened("a", at="12:00"), reply("a", at="12:10"), does("waiting", "a", at="12:30")]
    )
    # Written before the pause and arrived after it: in the end nothing was paused.
    assert log.fold(message("a", at="12:20")).minutes(RESOLUTION_DUE) == {"13:00": 1}
    # Paused 12:20 with 40 min left, and still at 12:40 for another party. A message of 12:30 ends that.
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20")])
    log.fold(does("waiting", "a", at="12:40", waiting_on="third_party"))
    assert log.fold(message("a", at="12:30")).minutes(RESOLUTION_DUE) == {"13:20": 1}


def test_a_paused_clock_that_is_met_keeps_the_remaining_time_as_its_margin() -> None:
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20")])
    log.fold(does("resolved", "a", at="15:00"))
    assert (log.minutes(RESOLUTION_MET), log.minutes(RESOLUTION_DUE)) == ({"15:00": 1}, {})
    assert log.durations(Counter.SLA_MARGIN) == {"15:00 " + minutes_long(40): 1}
    # of 180 minutes to resolution 160 were spent waiting on the customer
    assert log.durations(Counter.RESOLUTION) == {"15:00 " + minutes_long(180): 1}
    assert log.durations(Counter.RESOLUTION_SERVICE) == {"15:00 " + minutes_long(20): 1}


def test_a_departure_cancels_a_clock_not_yet_due_and_no_other() -> None:
    # due 12:05
    for closed_at, left in (("12:04", {}), ("12:06", {"12:05": 1})):
        log = Log(rules(first_response=300), [opened("a", at="12:00"), does("closed", "a", at=closed_at)])
        assert log.minutes(DUE) == left


def test_a_reopening_restarts_the_resolution_clock_and_never_first_response() -> None:
    log = Log(rules(first_response=300, next_response=600, resolution=3600))
    log.fold(opened("a", at="12:00"), does("closed", "a", at="12:01"), does("reopened", "a", at="13:00"))
    assert log.minutes(RESOLUTION_DUE) == {"14:00": 1}
    log.fold(message("a", at="13:10"))
    assert (log.minutes(DUE), log.minutes(NEXT_DUE)) == ({}, {"13:20": 1})
    assert log.fold(reply("a", at="13:15")).minutes(NEXT_MET) == {"13:15": 1}


def test_a_target_set_by_the_source_replaces_a_clock_not_past_due() -> None:
    log = Log(rules(resolution=3600), [opened("a", at="12:00")])
    target_set = event("sla.target_set", "a", at="12:10", due="16:00", clock="resolution")
    assert log.fold(target_set).minutes(RESOLUTION_DUE) == {"16:00": 1}
    too_late = event("sla.target_set", "a", at="16:01", due="18:00", clock="resolution")
    assert log.fold(too_late).minutes(RESOLUTION_DUE) == {"16:00": 1}


def test_a_handoff_keeps_the_target_set_by_the_source_if_none_is_configured() -> None:
    # opened 12:00 with a target for 12:30, handed off 12:10, answered 12:20: in time
    log = Log(
        events=[opened("a", at="12:00"), event("sla.target_set", "a", at="12:00", due="12:30", clock="first_response")]
    )
    log.fold(handed_off("a", at="12:10"))
    assert log.minutes(DUE) == {"12:30": 1}
    assert log.fold(reply("a", at="12:20")).minutes(MET) == {"12:20": 1}
