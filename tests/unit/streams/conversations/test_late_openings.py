"""Late openings and reopenings: what began before they arrived, and who waited."""

import pytest

from streams.events import Event
from streams.panes.counters import Counter
from tests.support.streams.events import does, event, instant, message, opened, reply, tick
from tests.support.streams.log import DUE, MET, NEXT_DUE, NEXT_MET, RESOLUTION_DUE, Log, minutes_long, rules


def test_a_conversation_may_begin_before_its_opening_arrives() -> None:
    # 12:00 ------- 12:03 ------- 12:05      order of arrival: message 12:03, transfer to sales 12:05, opened 12:00
    #   opened       message       transfer
    log = Log(events=[message("a", at="12:03"), does("transferred", "a", at="12:05", queue="sales")])
    assert log["a"].is_implicit
    assert log.minutes(Counter.OPENED) == {"12:03": 1}
    log.fold(opened("a", at="12:00", channel="phone", queue="service"))
    # the opening moves to its own minute and dimensions, and the backlog at 12:03 to where it was counted first
    assert log["a"].is_implicit
    assert log.minutes(Counter.OPENED) == {"12:00": 1}
    assert log.minutes(Counter.CONTACT, queue="service", channel="phone") == {"12:00": 1}
    assert [log.backlog(at, queue="service") for at in ("12:00", "12:02", "12:03")] == [1, 1, 0]
    # empty dimensions are filled at the last transition, 12:05: the channel, not the queue
    assert log.backlog("12:05", queue="sales", channel="phone") == log.backlog("12:05") == 1
    assert log.minutes(Counter.OPEN_SINCE) == {"12:00": 1}


def test_clocks_and_durations_run_from_the_minute_of_a_late_opening() -> None:
    # 12:00 ------- 12:04 ------- 12:09      order of arrival: queued 12:04, opened 12:00, agent 12:09
    #   opened       queued       agent      the customer waited 9 minutes, not 5, with a target of 10: by 12:10
    log = Log(rules(first_response=600, resolution=3600), [does("queued", "a", at="12:04", queue="sales")])
    assert (log.minutes(DUE), log.minutes(RESOLUTION_DUE)) == ({"12:14": 1}, {"13:04": 1})
    log.fold(opened("a", at="12:00", queue="sales"))
    assert (log.minutes(DUE), log.minutes(RESOLUTION_DUE)) == ({"12:10": 1}, {"13:00": 1})
    assert log.minutes(Counter.OPEN_SINCE) == log.minutes(Counter.WAITING_AGENT) == {"12:00": 1}
    log.fold(reply("a", at="12:09"))
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:09 " + minutes_long(9): 1}
    assert (log.minutes(MET), log.minutes(DUE)) == ({"12:09": 1}, {})


def test_a_late_opening_keeps_targets_set_by_the_source_and_what_began_later() -> None:
    # 12:00 ------- 12:04 ------------------ 12:05 ------- 12:06     order of arrival: as below
    #   opened       queued, due 13:30        agent        customer  a wait from 12:06, a resolution by 13:30
    log = Log(rules(first_response=600, next_response=600, resolution=3600))
    log.fold(
        event("conversation.queued", "a", at="12:04", queue="sales", due="13:30", clock="resolution"),
        reply("a", at="12:05"),
        message("a", at="12:06"),
        opened("a", at="12:00", queue="sales"),
    )
    assert (log.minutes(RESOLUTION_DUE), log.minutes(NEXT_DUE)) == ({"13:30": 1}, {"12:16": 1})
    assert (log.minutes(Counter.OPEN_SINCE), log.minutes(Counter.WAITING_AGENT)) == ({"12:00": 1}, {"12:06": 1})
    # Answered before the opening arrived: one minute at first, five after it.
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:05 " + minutes_long(5): 1}

    queued = event("conversation.queued", "a", at="12:04", queue="sales", due="12:50", clock="first_response")
    log = Log(rules(first_response=600), [queued, opened("a", at="12:00", queue="sales")])
    assert log.minutes(DUE) == {"12:50": 1}


def opened_by_agent(about: str, *, at: str) -> Event:
    return opened(about, at=at, direction="outbound", actor_kind="agent")


@pytest.mark.parametrize(
    "order",
    [
        # The same story in every order of arrival: 12:00 an agent opens, 12:00 assigned, 12:30 the agent writes again.
        ("opened", "assigned", "agent"),
        ("assigned", "opened", "agent"),
        ("assigned", "agent", "opened"),
        ("agent", "opened", "assigned"),
    ],
)
def test_nobody_waits_in_a_conversation_opened_by_an_agent_however_late_its_opening(
    order: tuple[str, ...],
) -> None:
    events = {
        "opened": opened_by_agent("a", at="12:00"),
        "assigned": does("assigned", "a", at="12:00"),
        "agent": reply("a", at="12:30"),
    }
    log = Log(rules(first_response=600, next_response=600), [events[name] for name in order])
    # No episode, so no response and no SLA clock; the customer's turn since 12:00.
    for counter in (Counter.FIRST_RESPONSE, Counter.REPLY, MET, DUE, NEXT_DUE, Counter.CONTACT, Counter.WAITING_AGENT):
        assert log.minutes(counter) == {}
    assert log.minutes(Counter.WAITING_CUSTOMER) == {"12:00": 1}
    assert log["a"].first_response_at == 0


def test_a_late_opening_by_an_agent_removes_the_missed_clock() -> None:
    # Assigned 12:00, so due 12:10; closed 12:40 without an answer: missed. At 12:50 the desk reports that an agent had
    # opened it at 11:58: there was no target.
    log = Log(rules(first_response=600), [does("assigned", "a", at="12:00"), does("closed", "a", at="12:40")])
    assert log.minutes(DUE) == {"12:10": 1}
    log.fold(opened_by_agent("a", at="11:58"), tick("12:50"))
    assert log.minutes(DUE) == {}


def test_after_a_late_opening_by_an_agent_the_customer_waits_from_the_first_message() -> None:
    # Assigned 12:00, the customer writes 12:05 and 12:07, then the opening by an agent at 12:00: waits since 12:05, due
    # 12:15; answered 12:20: missed, a wait of 15 minutes.
    log = Log(rules(first_response=600), [does("assigned", "a", at="12:00"), message("a", at="12:05")])
    log.fold(message("a", at="12:07"), opened_by_agent("a", at="12:00"))
    assert (log.minutes(DUE), log.minutes(Counter.WAITING_AGENT)) == ({"12:15": 1}, {"12:05": 1})
    log.fold(reply("a", at="12:20"))
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:20 " + minutes_long(15): 1}
    assert (log.minutes(MET), log.minutes(DUE)) == ({}, {"12:15": 1})
    # The customer's turn from 12:00 to 12:05 and from 12:20 to 12:30: 15 of 30 minutes were the service's.
    log.fold(does("resolved", "a", at="12:30"))
    assert log.durations(Counter.RESOLUTION_SERVICE) == {"12:30 " + minutes_long(15): 1}


def test_an_answer_that_arrives_before_the_customers_opening_is_the_first_response() -> None:
    # 12:00 the customer opens, 12:09 the agent answers: 9 minutes, with a target of 10. The answer arrives first.
    log = Log(rules(first_response=600), [reply("a", at="12:09"), opened("a", at="12:00")])
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:09 " + minutes_long(9): 1}
    assert log.durations(Counter.REPLY) == {"12:09 " + minutes_long(9): 1}
    assert (log.minutes(MET), log.minutes(DUE)) == ({"12:09": 1}, {})
    assert log["a"].first_response_at == instant("12:09")
    assert log.minutes(Counter.WAITING_CUSTOMER) == {"12:09": 1}
    assert log.minutes(Counter.CONTACT) == {"12:00": 1}
    # Two minutes after the target: missed at 12:10.
    log = Log(rules(first_response=600), [reply("a", at="12:12"), opened("a", at="12:00")])
    assert (log.minutes(MET), log.minutes(DUE)) == ({}, {"12:10": 1})


def test_the_episode_after_a_reopening_starts_with_a_message_that_arrived_before_it() -> None:
    # Resolved 12:10. The customer writes 14:00 and 14:02, the desk reports the reopening of 14:00:01 afterwards, the
    # agent answers 14:10: the customer waited 10 minutes, with a target of 120.
    log = Log(rules(first_response=3600, next_response=7200), [opened("a", at="12:00"), reply("a", at="12:05")])
    log.fold(does("resolved", "a", at="12:10"), message("a", at="14:00"), message("a", at="14:02"))
    log.fold(does("reopened", "a", at="14:00:01"))
    assert log.minutes(NEXT_DUE) == {"16:00": 1}
    log.fold(reply("a", at="14:10"))
    assert log.durations(Counter.REPLY) == {"12:05 " + minutes_long(5): 1, "14:10 " + minutes_long(10): 1}
    assert (log.minutes(NEXT_MET), log.minutes(NEXT_DUE)) == ({"14:10": 1}, {})
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:05 " + minutes_long(5): 1}


def test_a_message_answered_before_the_reopening_starts_no_episode() -> None:
    # The customer writes 13:00, the agent answers 13:05, both after the departure: reopened 14:00, no open question.
    log = Log(rules(next_response=7200), [opened("a", at="12:00"), does("closed", "a", at="12:10")])
    log.fold(message("a", at="13:00"), reply("a", at="13:05"), does("reopened", "a", at="14:00"))
    assert log.minutes(NEXT_DUE) == {}
    # Nor does one written before the departure that arrives after it.
    log = Log(rules(next_response=7200), [opened("a", at="12:00"), does("closed", "a", at="12:10")])
    log.fold(message("a", at="12:08"), does("reopened", "a", at="14:00"))
    assert log.minutes(NEXT_DUE) == {}


def test_a_late_opening_corrects_the_time_to_resolution() -> None:
    # 12:00 opened, 12:10 resolved: 10 minutes, of which 6 were known when only the transfer of 12:04 had arrived
    log = Log(events=[does("transferred", "a", at="12:04"), does("resolved", "a", at="12:10")])
    assert log.durations(Counter.RESOLUTION) == {"12:10 " + minutes_long(6): 1}
    log.fold(opened("a", at="12:00"))
    assert log.durations(Counter.RESOLUTION) == {"12:10 " + minutes_long(10): 1}


def test_an_opening_dated_after_the_first_event_fills_dimensions_at_its_own_minute() -> None:
    # 12:00 message, 12:04 opened: the opening stays at 12:00, the channel is known from 12:04 on
    log = Log(events=[message("a", at="12:00"), opened("a", at="12:04", channel="phone")])
    assert log.minutes(Counter.OPENED, channel="") == {"12:00": 1}
    assert log.minutes(Counter.MOVED_IN, channel="phone") == {"12:04": 1}
    assert [log.backlog(at, channel="") for at in ("12:03", "12:04")] == [1, 0]
