"""What the numbers mean, one case at a time: a sentence, a timeline, and the sum done by hand.

The cases are those of the metric definitions, the fine print of the event contract and docs/decisions/0001. The day is
2024-03-04, a Monday; instants are UTC. In the timelines a letter is an event of the conversation of that name.
"""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from streams.calendars import BusinessHours, Calendar
from streams.conversations.conversation import Conversation
from streams.events import Data, Event
from streams.panes.counters import COUNTERS, Counter
from streams.rules import Queue, RuleBook, Rules, Targets
from tests.support.events import (
    HOUR_MS,
    MINUTE_MS,
    Log,
    does,
    event,
    handed_off,
    instant,
    make_event,
    message,
    minutes_long,
    opened,
    reply,
    rules,
    tick,
)

MET, DUE = Counter.SLA_MET_FIRST_RESPONSE, Counter.SLA_DUE_FIRST_RESPONSE
RESOLUTION_MET, RESOLUTION_DUE = Counter.SLA_MET_RESOLUTION, Counter.SLA_DUE_RESOLUTION
NEXT_MET, NEXT_DUE = Counter.SLA_MET_NEXT_RESPONSE, Counter.SLA_DUE_NEXT_RESPONSE


def departed_at(conversation: Conversation) -> tuple[str, int]:
    return conversation.state, conversation.departed_at


# ---- cases that other tools got wrong ---------------------------------------------------------------------


def test_a_bot_is_not_counted_as_the_agent() -> None:
    # 12:00 --- 12:01 --- 12:02 --- 12:09     the response took 9 minutes, not 1
    #   open      bot      auto-     agent
    #                      reply
    log = Log(rules(first_response=300))
    log.fold(
        opened("a", at="12:00", channel="web_chat"),
        message("a", at="12:01", by="bot"),
        message("a", at="12:02", by="system"),
        reply("a", at="12:09"),
    )
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:09 " + minutes_long(9): 1}
    assert log.durations(Counter.REPLY) == {"12:09 " + minutes_long(9): 1}
    assert log.minutes(Counter.BOT_MESSAGE) == {"12:01": 1}
    assert log.minutes(Counter.AGENT_MESSAGE) == {"12:09": 1}
    # due 12:05, the bot at 12:01 does not keep the promise
    assert (log.minutes(MET), log.minutes(DUE)) == ({}, {"12:05": 1})


def test_first_response_after_a_reopen_is_not_measured_from_the_first_opening() -> None:
    # Monday 12:00 open, 12:30 closed unanswered; Saturday 09:00 back, customer 09:05, agent 09:15:
    # ten minutes, not five days
    log = Log(
        events=[
            opened("a", at="12:00"),
            does("closed", "a", at="12:30"),
            does("reopened", "a", at="2024-03-09 09:00"),
            message("a", at="2024-03-09 09:05"),
            reply("a", at="2024-03-09 09:15"),
        ]
    )
    assert log.durations(Counter.FIRST_RESPONSE) == {"2024-03-09 09:15 " + minutes_long(10): 1}
    assert log["a"].first_response_at == instant("2024-03-09 09:15")


def test_the_response_clock_is_not_lost_at_the_bots_handoff() -> None:
    # 12:00 --- 12:01 --- 12:06 ------ 12:08 ---- 12:10     target 5 min: due 12:05, missed by the bot's talk;
    #   open      bot     handed off   reply       due      from the handoff due 12:11, met
    log = Log(rules(first_response=300))
    log.fold(
        opened("a", at="12:00", channel="web_chat"), message("a", at="12:01", by="bot"), handed_off("a", at="12:06")
    )
    assert log.minutes(DUE) == {"12:05": 1, "12:11": 1}
    log.fold(reply("a", at="12:08"), tick("13:00"))
    assert log.minutes(DUE) == {"12:05": 1}
    assert log.minutes(MET) == {"12:08": 1}
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:08 " + minutes_long(2): 1}


def test_a_merged_conversation_does_not_age() -> None:
    log = Log(rules(resolution=7200))
    log.fold(opened("a", at="12:00"), opened("b", at="12:10"), does("merged", "a", at="12:20", into_id="b"))
    # 2 opened - 1 merged; what is left is as old as b, and promises only what b promised: 12:10 + 2 h
    assert log.backlog("12:20") == 1
    assert log.minutes(Counter.OPEN_SINCE) == {"12:10": 1}
    assert log.minutes(Counter.WAITING_AGENT) == {"12:10": 1}
    assert log.minutes(RESOLUTION_DUE) == {"14:10": 1}


def test_a_promise_does_not_escalate_after_the_answer() -> None:
    # due 12:10, answered 12:04: nothing falls due any more, whatever time it gets
    log = Log(rules(first_response=600), [opened("a", at="12:00"), reply("a", at="12:04"), tick("18:00")])
    assert log.minutes(DUE) == {}
    assert log.minutes(MET) == {"12:04": 1}
    # margin: 12:10 - 12:04
    assert log.durations(Counter.SLA_MARGIN) == {"12:04 " + minutes_long(6): 1}


def test_the_backlog_at_a_past_instant_stays_what_it_was() -> None:
    # 12:00 --- 12:01 --- 12:02 --- 12:03     a, b open; a resolved; then another day goes by
    #   a         b         a!
    log = Log(events=[opened("a", at="12:00"), opened("b", at="12:01"), does("resolved", "a", at="12:02")])
    then = [log.backlog(f"12:0{minute}") for minute in range(4)]
    log.fold(does("resolved", "b", at="2024-03-05 12:00"), does("reopened", "a", at="2024-03-05 12:00"))
    assert then == [1, 2, 1, 1] == [log.backlog(f"12:0{minute}") for minute in range(4)]


def test_a_conversation_resolved_twice_is_one_customer() -> None:
    # open 12:00, resolved 12:10, reopened 12:30, resolved 12:40
    log = Log(events=[opened("a", at="12:00"), does("resolved", "a", at="12:10"), does("reopened", "a", at="12:30")])
    assert log.durations(Counter.RESOLUTION) == {}
    log.fold(does("resolved", "a", at="12:40"))
    # two resolves, one opening, and one time to resolution: 12:40 - 12:00, of the last resolve
    assert log.minutes(Counter.RESOLVED) == {"12:10": 1, "12:40": 1}
    assert log.minutes(Counter.OPENED) == {"12:00": 1}
    assert log.minutes(Counter.CONTACT) == {"12:00": 1}
    assert log.durations(Counter.RESOLUTION) == {"12:40 " + minutes_long(40): 1}


def test_each_part_of_a_ratio_is_dated_by_its_own_event() -> None:
    # reopen rate of an hour: reopened in it / resolved in it; resolved 12:50, reopened 13:10
    log = Log(events=[opened("a", at="12:00"), does("resolved", "a", at="12:50"), does("reopened", "a", at="13:10")])
    assert (log.count(Counter.RESOLVED, "12:00", "hour"), log.count(Counter.REOPENED, "12:00", "hour")) == (1, 0)
    assert (log.count(Counter.RESOLVED, "13:00", "hour"), log.count(Counter.REOPENED, "13:00", "hour")) == (0, 1)


def test_a_duplicate_webhook_counts_once_even_with_another_content() -> None:
    log = Log(events=[opened("a", at="12:00", id="one"), message("a", at="12:01", id="two")])
    log.fold(message("a", at="12:01", id="two"), message("a", at="12:05", by="agent", id="two"))
    assert log.minutes(Counter.INBOUND_MESSAGE) == {"12:01": 1}
    assert log.minutes(Counter.AGENT_MESSAGE) == {}
    assert (log.partition.books.applied, log.partition.books.duplicate) == (2, 2)


def test_a_transfer_chain_is_one_contact() -> None:
    # a is the root; b and c are the same customer, transferred with new ids
    log = Log(
        events=[
            opened("a", at="12:00", channel="phone", root_id="a"),
            opened("b", at="12:05", channel="phone", root_id="a"),
            opened("c", at="12:10", channel="phone", root_id="a"),
        ]
    )
    assert log.minutes(Counter.CONTACT) == {"12:00": 1}
    # but each is work
    assert log.backlog("12:10") == 3


def test_a_close_that_never_comes() -> None:
    # last activity 10:20, limit 2 h: 12:20, the full hour after it is 13:00
    log = Log(rules(idle=7200), [opened("a", at="10:00"), reply("a", at="10:20")])
    assert log.minutes(Counter.EXPIRING) == {"13:00": 1}
    assert (log.backlog("12:59"), log.backlog("13:00")) == (1, 0)
    # by default nothing expires
    assert Log(events=[opened("a", at="10:00"), tick("2024-06-01 00:00")]).backlog("2024-06-01 00:00") == 1


def test_late_reply_corrects_the_minute_it_belongs_to() -> None:
    # 12:00 ------- 12:01 ------- 12:02 --     due 12:01:30
    #   open          |      due    other         reply occurred 12:01:10, arrives after `other` (12:02:00)
    log = Log(rules(first_response=80), [opened("a", at="12:00:10"), opened("b", at="12:02:00")])
    assert (log.count(DUE, "12:01"), log.count(MET, "12:01")) == (1, 0)
    log.fold(reply("a", at="12:01:10"))
    assert (log.count(DUE, "12:01"), log.count(MET, "12:01")) == (0, 1)


# ---- the life cycle ---------------------------------------------------------------------------------------


def test_opened_twice_fills_empty_fields_alone() -> None:
    log = Log(events=[opened("a", at="12:00", channel="phone")])
    log.fold(opened("a", at="12:05", channel="email", queue="sales"))
    # one opening; the queue was empty, so it moved there at 12:05, the channel stays
    assert log.minutes(Counter.OPENED) == {"12:00": 1}
    assert log.minutes(Counter.MOVED_OUT, queue="", channel="phone") == {"12:05": 1}
    assert log.minutes(Counter.MOVED_IN, queue="sales", channel="phone") == {"12:05": 1}
    assert log.backlog("12:05", queue="sales", channel="phone") == log.backlog("12:05") == 1


def test_closed_after_resolved_is_one_departure_of_kind_resolved() -> None:
    log = Log(events=[opened("a", at="12:00"), does("resolved", "a", at="12:10"), does("closed", "a", at="12:20")])
    assert departed_at(log["a"]) == ("resolved", instant("12:10"))
    assert log.minutes(Counter.CLOSED) == {}
    assert log.backlog("12:20") == 0


def test_reopened_without_a_departure_is_nothing() -> None:
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("reopened", "a", at="12:10")])
    assert log.minutes(Counter.REOPENED) == {}
    assert log["a"].reopened_count == 0
    assert log.minutes(RESOLUTION_DUE) == {"13:00": 1}


@pytest.mark.parametrize("back", [opened("a", at="12:30"), does("reopened", "a", at="12:30")])
def test_opened_or_reopened_on_departed_is_reopened(back: Event) -> None:
    log = Log(events=[opened("a", at="12:00"), does("abandoned", "a", at="12:10"), back])
    assert log.minutes(Counter.OPENED) == {"12:00": 1}
    assert log.minutes(Counter.REOPENED) == {"12:30": 1}
    # the age counts from the reopening, and it is our turn
    assert log.minutes(Counter.OPEN_SINCE) == log.minutes(Counter.WAITING_AGENT) == {"12:30": 1}


def test_a_conversation_may_begin_before_its_opened_arrives() -> None:
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
    # what was empty is filled at the last transition, 12:05: the channel, not the queue
    assert log.backlog("12:05", queue="sales", channel="phone") == log.backlog("12:05") == 1
    assert log.minutes(Counter.OPEN_SINCE) == {"12:00": 1}


def test_what_runs_from_a_late_opening_runs_from_its_own_minute() -> None:
    # 12:00 ------- 12:04 ------- 12:09      order of arrival: queued 12:04, opened 12:00, agent 12:09
    #   opened       queued       agent      the customer waited 9 minutes, not 5, and was promised 10: by 12:10
    log = Log(rules(first_response=600, resolution=3600), [does("queued", "a", at="12:04", queue="sales")])
    assert (log.minutes(DUE), log.minutes(RESOLUTION_DUE)) == ({"12:14": 1}, {"13:04": 1})
    log.fold(opened("a", at="12:00", queue="sales"))
    assert (log.minutes(DUE), log.minutes(RESOLUTION_DUE)) == ({"12:10": 1}, {"13:00": 1})
    assert log.minutes(Counter.OPEN_SINCE) == log.minutes(Counter.WAITING_AGENT) == {"12:00": 1}
    log.fold(reply("a", at="12:09"))
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:09 " + minutes_long(9): 1}
    assert (log.minutes(MET), log.minutes(DUE)) == ({"12:09": 1}, {})


def test_a_late_opening_leaves_the_promise_of_the_source_and_what_began_later() -> None:
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
    # Answered before the opening was known: one minute then, five when it is.
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:05 " + minutes_long(5): 1}

    promised = event("conversation.queued", "a", at="12:04", queue="sales", due="12:50", clock="first_response")
    log = Log(rules(first_response=600), [promised, opened("a", at="12:00", queue="sales")])
    assert log.minutes(DUE) == {"12:50": 1}


def test_a_wrong_clock_does_not_take_minutes_and_hours_from_the_events_after_it() -> None:
    # A producer in 2096 that stamps its own record leads the watermark there. Those after it carry the present.
    def opening(about: str, at: str, stamped: str) -> Event:
        data = msgspec.convert({"channel": "email"}, Data)
        return make_event("conversation.opened", about, instant(at), about, data=data, ingested_at=instant(stamped))

    log = Log(events=[opening("a", "12:00", "12:00"), opening("b", "2096-01-01 12:00", "2096-01-01 12:00")])
    log.fold(opening("c", "12:05", "12:05"))
    assert log.count(Counter.OPENED, at="12:05") == log.count(Counter.OPENED, at="12:05", tier="minute") == 1
    assert log.count(Counter.OPENED, at="12:00", tier="hour") == 2
    # One that is late by its own record's timestamp, too, skips the tiers behind the horizon as ever.
    log.fold(opening("d", "2024-01-01 12:00", "12:06"))
    assert log.count(Counter.OPENED, at="2024-01-01 12:00", tier="minute") == 0
    assert log.count(Counter.OPENED, at="2024-01-01 12:00", tier="hour") == 1


def begun_by_an_agent(about: str, *, at: str) -> Event:
    return opened(about, at=at, direction="outbound", actor_kind="agent")


@pytest.mark.parametrize(
    "order",
    [
        # The same story in every order of arrival: 12:00 an agent begins, 12:00 assigned, 12:30 the agent writes again.
        ("opened", "assigned", "agent"),
        ("assigned", "opened", "agent"),
        ("assigned", "agent", "opened"),
        ("agent", "opened", "assigned"),
    ],
)
def test_nobody_waits_in_a_conversation_that_an_agent_began_however_late_its_opening_is_told(
    order: tuple[str, ...],
) -> None:
    events = {
        "opened": begun_by_an_agent("a", at="12:00"),
        "assigned": does("assigned", "a", at="12:00"),
        "agent": reply("a", at="12:30"),
    }
    log = Log(rules(first_response=600, next_response=600), [events[name] for name in order])
    # No episode, so no response and no promise; the customer's turn since 12:00.
    for counter in (Counter.FIRST_RESPONSE, Counter.REPLY, MET, DUE, NEXT_DUE, Counter.CONTACT, Counter.WAITING_AGENT):
        assert log.minutes(counter) == {}
    assert log.minutes(Counter.WAITING_CUSTOMER) == {"12:00": 1}
    assert log["a"].first_response_at == 0


def test_a_promise_missed_before_the_opening_was_known_as_an_agents_is_taken_back() -> None:
    # Assigned 12:00, so promised by 12:10; closed 12:40 without an answer: missed. At 12:50 the desk tells that an
    # agent had begun it at 11:58: nobody was promised anything.
    log = Log(rules(first_response=600), [does("assigned", "a", at="12:00"), does("closed", "a", at="12:40")])
    assert log.minutes(DUE) == {"12:10": 1}
    log.fold(begun_by_an_agent("a", at="11:58"), tick("12:50"))
    assert log.minutes(DUE) == {}


def test_a_customer_who_answers_an_agent_waits_from_the_first_message_when_the_opening_is_told_late() -> None:
    # Assigned 12:00, the customer writes 12:05 and 12:07, then the opening by an agent at 12:00: waits since 12:05, due
    # 12:15; answered 12:20: missed, a wait of 15 minutes.
    log = Log(rules(first_response=600), [does("assigned", "a", at="12:00"), message("a", at="12:05")])
    log.fold(message("a", at="12:07"), begun_by_an_agent("a", at="12:00"))
    assert (log.minutes(DUE), log.minutes(Counter.WAITING_AGENT)) == ({"12:15": 1}, {"12:05": 1})
    log.fold(reply("a", at="12:20"))
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:20 " + minutes_long(15): 1}
    assert (log.minutes(MET), log.minutes(DUE)) == ({}, {"12:15": 1})
    # The customer's turn from 12:00 to 12:05 and from 12:20 to 12:30: 15 of 30 minutes were the service's.
    log.fold(does("resolved", "a", at="12:30"))
    assert log.durations(Counter.RESOLUTION_SERVICE) == {"12:30 " + minutes_long(15): 1}


def test_an_answer_read_before_the_opening_of_the_customer_is_the_first_response() -> None:
    # 12:00 the customer opens, 12:09 the agent answers: 9 minutes, promised within 10. The answer arrives first.
    log = Log(rules(first_response=600), [reply("a", at="12:09"), opened("a", at="12:00")])
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:09 " + minutes_long(9): 1}
    assert log.durations(Counter.REPLY) == {"12:09 " + minutes_long(9): 1}
    assert (log.minutes(MET), log.minutes(DUE)) == ({"12:09": 1}, {})
    assert log["a"].first_response_at == instant("12:09")
    assert log.minutes(Counter.WAITING_CUSTOMER) == {"12:09": 1}
    assert log.minutes(Counter.CONTACT) == {"12:00": 1}
    # Two minutes later than promised: missed at 12:10.
    log = Log(rules(first_response=600), [reply("a", at="12:12"), opened("a", at="12:00")])
    assert (log.minutes(MET), log.minutes(DUE)) == ({}, {"12:10": 1})


def test_the_episode_after_a_reopening_starts_with_a_message_told_before_the_reopening() -> None:
    # Resolved 12:10. The customer writes 14:00 and 14:02, the desk tells the reopening of 14:00:01 afterwards, the
    # agent answers 14:10: the customer waited 10 minutes, promised 120.
    log = Log(rules(first_response=3600, next_response=7200), [opened("a", at="12:00"), reply("a", at="12:05")])
    log.fold(does("resolved", "a", at="12:10"), message("a", at="14:00"), message("a", at="14:02"))
    log.fold(does("reopened", "a", at="14:00:01"))
    assert log.minutes(NEXT_DUE) == {"16:00": 1}
    log.fold(reply("a", at="14:10"))
    assert log.durations(Counter.REPLY) == {"12:05 " + minutes_long(5): 1, "14:10 " + minutes_long(10): 1}
    assert (log.minutes(NEXT_MET), log.minutes(NEXT_DUE)) == ({"14:10": 1}, {})
    assert log.durations(Counter.FIRST_RESPONSE) == {"12:05 " + minutes_long(5): 1}


def test_a_message_after_the_departure_that_was_answered_there_starts_no_episode_at_the_reopening() -> None:
    # The customer writes 13:00, the agent answers 13:05, both after the departure: reopened 14:00, nobody has asked.
    log = Log(rules(next_response=7200), [opened("a", at="12:00"), does("closed", "a", at="12:10")])
    log.fold(message("a", at="13:00"), reply("a", at="13:05"), does("reopened", "a", at="14:00"))
    assert log.minutes(NEXT_DUE) == {}
    # Nor does one that is told after the departure and was written before it.
    log = Log(rules(next_response=7200), [opened("a", at="12:00"), does("closed", "a", at="12:10")])
    log.fold(message("a", at="12:08"), does("reopened", "a", at="14:00"))
    assert log.minutes(NEXT_DUE) == {}


def test_a_late_opening_corrects_the_time_to_resolution() -> None:
    # 12:00 opened, 12:10 resolved: 10 minutes, of which 6 were known when only the transfer of 12:04 had come
    log = Log(events=[does("transferred", "a", at="12:04"), does("resolved", "a", at="12:10")])
    assert log.durations(Counter.RESOLUTION) == {"12:10 " + minutes_long(6): 1}
    log.fold(opened("a", at="12:00"))
    assert log.durations(Counter.RESOLUTION) == {"12:10 " + minutes_long(10): 1}


def test_an_opened_after_the_event_that_began_it_fills_in_at_its_own_minute() -> None:
    # 12:00 message, 12:04 opened: the opening stays at 12:00, the channel is known from 12:04 on
    log = Log(events=[message("a", at="12:00"), opened("a", at="12:04", channel="phone")])
    assert log.minutes(Counter.OPENED, channel="") == {"12:00": 1}
    assert log.minutes(Counter.MOVED_IN, channel="phone") == {"12:04": 1}
    assert [log.backlog(at, channel="") for at in ("12:03", "12:04")] == [1, 0]


def test_merged_into_itself_is_nothing() -> None:
    log = Log(events=[opened("a", at="12:00"), does("merged", "a", at="12:05", into_id="a")])
    assert log["a"].state == "open"
    assert log.minutes(Counter.MERGED) == {}


def test_a_message_on_a_departed_conversation_counts_and_does_not_reopen_it() -> None:
    log = Log(events=[opened("a", at="12:00"), does("closed", "a", at="12:05"), message("a", at="12:10")])
    assert log.minutes(Counter.INBOUND_MESSAGE) == {"12:10": 1}
    assert departed_at(log["a"]) == ("closed", instant("12:05"))
    assert log.backlog("12:10") == 0
    assert [log.minutes(counter) for counter in (Counter.WAITING_AGENT, Counter.WAITING_CUSTOMER)] == [{}, {}]


def test_deleted_departs_and_does_not_undo_the_opening() -> None:
    log = Log(events=[opened("a", at="12:00"), does("deleted", "a", at="12:05")])
    assert log.minutes(Counter.OPENED) == log.minutes(Counter.CONTACT) == {"12:00": 1}
    assert log.minutes(Counter.DELETED) == {"12:05": 1}
    assert (log.backlog("12:04"), log.backlog("12:05")) == (1, 0)


def test_life_cycle_time_never_runs_back_but_a_message_keeps_its_minute() -> None:
    # arrives in this order: opened 12:00, queued 12:10, a message of 12:03, resolved dated 12:05 -> takes 12:10
    log = Log(
        events=[
            opened("a", at="12:00"),
            does("queued", "a", at="12:10", queue="sales"),
            message("a", at="12:03"),
            does("resolved", "a", at="12:05"),
        ]
    )
    assert log.minutes(Counter.INBOUND_MESSAGE) == {"12:03": 1}
    assert log.minutes(Counter.RESOLVED) == {"12:10": 1}
    assert log["a"].is_reordered


def test_nothing_departs_before_it_came_back() -> None:
    # expired at 12:00, a message at 15:00 brings it back; a close dated 13:00 takes 15:00:
    # else it would close what is not open
    log = Log(rules(idle=3600), [opened("a", at="11:00"), message("a", at="15:00"), does("closed", "a", at="13:00")])
    assert log.minutes(Counter.REOPENED) == log.minutes(Counter.CLOSED) == {"15:00": 1}
    assert [log.backlog(at) for at in ("11:00", "12:00", "13:00", "15:00")] == [1, 0, 0, 0]


def test_a_stock_moves_with_its_conversation_and_a_flow_stays() -> None:
    # opened and said in sales, moved to service at 12:05
    log = Log(rules(first_response=3600))
    log.fold(
        opened("a", at="12:00", queue="sales"),
        message("a", at="12:01"),
        does("queued", "a", at="12:05", queue="service"),
    )
    assert log.count(Counter.OPENED, queue="sales") == log.count(Counter.INBOUND_MESSAGE, queue="sales") == 1
    for stock in (Counter.OPEN_SINCE, Counter.WAITING_AGENT, DUE):
        assert (log.count(stock, queue="sales"), log.count(stock, queue="service")) == (0, 1)
    assert log.minutes(DUE) == {"13:00": 1}


def test_the_area_under_the_backlog_is_exact_in_every_tier() -> None:
    # open 12:00:15 to 12:02:30
    log = Log(events=[opened("a", at="12:00:15"), does("closed", "a", at="12:02:30")])
    # minute 12:00 gains 45 s; 12:02 begins with one open and loses 30 s; hour and day: 135 s = 45 + 60 + 30
    assert log.minutes(Counter.OPEN_MS) == {"12:00": 45_000, "12:02": -30_000}
    assert log.count(Counter.OPEN_MS, "12:00", "hour") == 135_000
    assert log.count(Counter.OPEN_MS, "00:00", "day") == 135_000


# ---- who waits, handoffs, transfers -----------------------------------------------------------------------


def test_who_waits_changes_with_who_spoke() -> None:
    steps = [
        (opened("a", at="12:00"), {"agent": "12:00"}),
        (message("a", at="12:01"), {"agent": "12:00"}),
        (reply("a", at="12:02"), {"customer": "12:02"}),
        (does("waiting", "a", at="12:03", waiting_on="third_party"), {"third_party": "12:03"}),
        (reply("a", at="12:04"), {"third_party": "12:03"}),
        (does("resumed", "a", at="12:05"), {"agent": "12:05"}),
        (message("a", at="12:06", by="peer"), {"agent": "12:05"}),
        (message("a", at="12:07", by="agent", direction="internal"), {"agent": "12:05"}),
        (does("waiting", "a", at="12:08"), {"customer": "12:08"}),
        (message("a", at="12:09"), {"agent": "12:09"}),
        (does("closed", "a", at="12:10"), {}),
    ]
    log = Log()
    for one, expected in steps:
        log.fold(one)
        waiting = {
            party: next(iter(minutes))
            for party in ("agent", "customer", "third_party")
            if (minutes := log.minutes(COUNTERS[f"WAITING_{party.upper()}"]))
        }
        assert waiting == expected, one.type


def test_a_handoff_counts_once_per_waiting_episode_whichever_event_tells_it() -> None:
    # told twice in the first episode; after the answer a new episode, and a new handoff
    log = Log(
        events=[
            opened("a", at="12:00", channel="web_chat"),
            handed_off("a", at="12:01"),
            does("escalated", "a", at="12:02", kind="handoff"),
            reply("a", at="12:03"),
            message("a", at="12:04"),
            does("escalated", "a", at="12:05", kind="handoff"),
            does("escalated", "a", at="12:06", kind="hierarchical", level=2),
        ]
    )
    assert log.minutes(Counter.ESCALATED_HANDOFF) == {"12:01": 1, "12:05": 1}
    assert log.minutes(Counter.ESCALATED_HIERARCHICAL) == {"12:06": 1}
    assert log["a"].escalated_count == 3


def test_ping_pong_is_back_to_an_earlier_queue() -> None:
    # sales -> service -> sales (back) -> sales (stays) -> legal (new): 4 transfers, 1 ping-pong
    route = ["service", "sales", "sales", "legal"]
    log = Log(events=[opened("a", at="12:00", queue="sales")])
    log.fold(
        *(does("transferred", "a", at=f"12:0{number}", queue=queue) for number, queue in enumerate(route, start=1))
    )
    assert log.count(Counter.TRANSFERRED) == log["a"].transferred_count == 4
    assert log.minutes(Counter.PING_PONG) == {"12:02": 1}


def test_a_handoff_restarts_no_reply_before_it() -> None:
    # customer 12:00, handoff 12:10, agent 12:13: the reply took three minutes from the handoff
    log = Log(events=[opened("a", at="12:00"), handed_off("a", at="12:10"), reply("a", at="12:13")])
    assert log.durations(Counter.REPLY) == {"12:13 " + minutes_long(3): 1}


# ---- promises ---------------------------------------------------------------------------------------------


def test_a_reply_at_the_due_instant_is_in_time() -> None:
    # due 12:05:00.000
    in_time = Log(rules(first_response=300), [opened("a", at="12:00"), reply("a", at="12:05:00.000")])
    assert (in_time.minutes(MET), in_time.minutes(DUE)) == ({"12:05": 1}, {})
    too_late = Log(rules(first_response=300), [opened("a", at="12:00"), reply("a", at="12:05:00.001")])
    assert (too_late.minutes(MET), too_late.minutes(DUE)) == ({}, {"12:05": 1})


def test_waiting_pauses_and_the_clock_goes_on_with_what_remained() -> None:
    # 12:00 ------ 12:20 ....... 13:20 -------- 14:00     target 1 h: 20 min used, 40 remain
    #   open        waiting       resumed         due     while it waits, nothing falls due
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20")])
    assert log.minutes(RESOLUTION_DUE) == {}
    log.fold(does("resumed", "a", at="13:20"))
    assert log.minutes(RESOLUTION_DUE) == {"14:00": 1}


def test_any_customer_message_goes_on_too() -> None:
    log = Log(
        rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20", waiting_on="third_party")]
    )
    assert log.fold(message("a", at="12:50")).minutes(RESOLUTION_DUE) == {"13:30": 1}


def test_a_late_message_ends_no_pause_before_the_last_transition() -> None:
    # Due 13:00. The answer at 12:10 lets us wait on the customer and pauses nothing; `waiting` does, with 30 min left.
    log = Log(
        rules(resolution=3600), [opened("a", at="12:00"), reply("a", at="12:10"), does("waiting", "a", at="12:30")]
    )
    # Said before the pause and told after it: nothing was paused in the end.
    assert log.fold(message("a", at="12:20")).minutes(RESOLUTION_DUE) == {"13:00": 1}
    # Paused 12:20 with 40 min left, and at 12:40 still, then for somebody else. What was said at 12:30 ends that.
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20")])
    log.fold(does("waiting", "a", at="12:40", waiting_on="third_party"))
    assert log.fold(message("a", at="12:30")).minutes(RESOLUTION_DUE) == {"13:20": 1}


def test_a_paused_promise_that_is_met_keeps_what_remained_as_its_margin() -> None:
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("waiting", "a", at="12:20")])
    log.fold(does("resolved", "a", at="15:00"))
    assert (log.minutes(RESOLUTION_MET), log.minutes(RESOLUTION_DUE)) == ({"15:00": 1}, {})
    assert log.durations(Counter.SLA_MARGIN) == {"15:00 " + minutes_long(40): 1}
    # of 180 minutes to resolution 160 were spent waiting on the customer
    assert log.durations(Counter.RESOLUTION) == {"15:00 " + minutes_long(180): 1}
    assert log.durations(Counter.RESOLUTION_SERVICE) == {"15:00 " + minutes_long(20): 1}


def test_a_departure_before_due_cancels_and_after_it_does_not() -> None:
    # due 12:05
    for closed_at, left in (("12:04", {}), ("12:06", {"12:05": 1})):
        log = Log(rules(first_response=300), [opened("a", at="12:00"), does("closed", "a", at=closed_at)])
        assert log.minutes(DUE) == left


def test_reopen_starts_resolution_afresh_and_never_first_response() -> None:
    log = Log(rules(first_response=300, next_response=600, resolution=3600))
    log.fold(opened("a", at="12:00"), does("closed", "a", at="12:01"), does("reopened", "a", at="13:00"))
    assert log.minutes(RESOLUTION_DUE) == {"14:00": 1}
    log.fold(message("a", at="13:10"))
    assert (log.minutes(DUE), log.minutes(NEXT_DUE)) == ({}, {"13:20": 1})
    assert log.fold(reply("a", at="13:15")).minutes(NEXT_MET) == {"13:15": 1}


def test_a_promise_of_the_source_replaces_one_not_past_due() -> None:
    log = Log(rules(resolution=3600), [opened("a", at="12:00")])
    promised = event("sla.target_set", "a", at="12:10", due="16:00", clock="resolution")
    assert log.fold(promised).minutes(RESOLUTION_DUE) == {"16:00": 1}
    too_late = event("sla.target_set", "a", at="16:01", due="18:00", clock="resolution")
    assert log.fold(too_late).minutes(RESOLUTION_DUE) == {"16:00": 1}


# ---- business hours ---------------------------------------------------------------------------------------

OFFICE = Calendar(
    zone="Europe/Berlin",
    hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-12:00", "13:00-17:00")),
    holidays=(date(2024, 3, 5),),
)
OFFICE_RULES = Rules(
    calendars={"office": OFFICE},
    queues={"desk": Queue(calendar="office", targets=Targets(first_response_seconds=7200))},
)


def test_a_target_runs_in_the_calendar_of_its_queue() -> None:
    # Monday 15:30 UTC is 16:30 in Berlin: 30 min until 17:00; Tuesday is a holiday;
    # Wednesday 9:00 + 90 min = 10:30 = 9:30 UTC
    log = Log(OFFICE_RULES, [opened("a", at="15:30", queue="desk"), opened("b", at="15:30", queue="door")])
    assert log.minutes(DUE) == {"2024-03-06 09:30": 1}
    log.fold(reply("a", at="2024-03-06 09:00"))
    # calendar time 41.5 h; business time 30 + 60 min
    assert log.durations(Counter.FIRST_RESPONSE) == {"2024-03-06 09:00 " + minutes_long(41.5 * 60): 1}
    assert log.durations(Counter.FIRST_RESPONSE_BUSINESS) == {"2024-03-06 09:00 " + minutes_long(90): 1}
    assert log.durations(Counter.SLA_MARGIN) == {"2024-03-06 09:00 " + minutes_long(30): 1}


def test_a_pause_keeps_business_time() -> None:
    # 8:00 UTC = 9:00 Berlin; paused 9:00 UTC after 1 h of 2; resumed 15:30 UTC = 16:30: 30 min today, 30 on Wednesday
    log = Log(OFFICE_RULES, [opened("a", at="08:00", queue="desk"), does("waiting", "a", at="09:00")])
    assert log.fold(does("resumed", "a", at="15:30")).minutes(DUE) == {"2024-03-06 08:30": 1}


def test_target_and_calendar_are_frozen_when_the_clock_starts() -> None:
    log = Log(OFFICE_RULES, [opened("a", at="15:30", queue="desk"), does("queued", "a", at="15:35", queue="door")])
    assert log.minutes(DUE, queue="door") == {"2024-03-06 09:30": 1}
    assert log.minutes(DUE, queue="desk") == {}


def test_opening_hours_follow_the_clocks_of_their_zone() -> None:
    # Friday 2024-03-29 16:00 in Berlin is 15:00 UTC; the clocks go forward on Sunday, so Monday 09:00 is 07:00 UTC
    hours = BusinessHours(OFFICE)
    start, end = instant("2024-03-29 15:00"), instant("2024-04-01 08:00")
    assert hours.between(start, end) == 2 * HOUR_MS  # 16:00-17:00 and 09:00-10:00
    assert hours.after(start, 2 * HOUR_MS) == end
    assert hours.between(end, start) == 0
    # the lunch break does not count: 11:30 + 1 h = 13:30 (UTC 10:30 to 12:30)
    assert hours.after(instant("10:30"), 60 * MINUTE_MS) == instant("12:30")


@pytest.mark.parametrize(
    ("calendar", "complaint"),
    [
        (Calendar(hours={"monday": ("09:00-17:00",)}), "expected the days mon"),
        (Calendar(hours={"mon": ("17:00-09:00",)}), "mon: expected a span that ends after it starts"),
        (Calendar(hours={"mon": ("09:00-25:00",)}), "24:00"),
        (Calendar(hours={"mon": ("08:60-18:00",)}), "mon: expected HH:MM-HH:MM .* got '08:60-18:00'"),
        (Calendar(hours={"tue": ("8-18",)}), "tue: expected HH:MM-HH:MM .* got '8-18'"),
        (Calendar(hours={"sun": ("",)}), "sun: expected HH:MM-HH:MM"),
        (Calendar(hours={"mon": ("24:00-24:00",)}), "mon: expected HH:MM-HH:MM"),
        (Calendar("Mars/Olympus", hours={"mon": ("08:00-18:00",)}), "zone: expected a time zone .* got 'Mars/Olympus'"),
        (Calendar(), "at least one day"),
    ],
)
def test_a_calendar_that_makes_no_sense_says_so(calendar: Calendar, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BusinessHours(calendar)


def test_a_queue_with_an_unknown_calendar_says_which_ones_are_known() -> None:
    with pytest.raises(ValueError, match=r"expected one of rules.calendars \(office\), got 'ofice'"):
        RuleBook(msgspec.structs.replace(OFFICE_RULES, queues={"desk": Queue(calendar="ofice")}))


# ---- expiry -----------------------------------------------------------------------------------------------


def test_activity_before_the_expiry_moves_it_and_after_it_reopens() -> None:
    # 10:00 + 1 h = 11:00; 10:30 moves it to 11:30 -> 12:00;
    # a message at 14:10 finds it expired and reopens: 15:10 -> 16:00
    log = Log(rules(idle=3600), [opened("a", at="10:00")])
    assert log.minutes(Counter.EXPIRING) == {"11:00": 1}
    assert log.fold(message("a", at="10:30")).minutes(Counter.EXPIRING) == {"12:00": 1}
    log.fold(message("a", at="14:10"))
    assert log.minutes(Counter.EXPIRING) == {"12:00": 1, "16:00": 1}
    assert log.minutes(Counter.REOPENED) == {"14:10": 1}
    assert [log.backlog(at) for at in ("11:59", "12:00", "14:09", "14:10", "16:00")] == [1, 0, 0, 1, 0]


def test_a_close_after_the_expiry_changes_nothing() -> None:
    log = Log(rules(idle=3600), [opened("a", at="10:00"), does("closed", "a", at="15:00")])
    assert departed_at(log["a"]) == ("expired", instant("11:00"))
    assert (log.minutes(Counter.CLOSED), log.minutes(Counter.EXPIRING)) == ({}, {"11:00": 1})


def test_activity_at_the_hour_of_expiry_reopens() -> None:
    log = Log(rules(idle=3600), [opened("a", at="10:00"), message("a", at="11:00")])
    assert log.minutes(Counter.REOPENED) == {"11:00": 1}


def test_a_departure_takes_the_expiry_away() -> None:
    log = Log(rules(idle=3600), [opened("a", at="10:00"), does("closed", "a", at="10:10")])
    assert log.minutes(Counter.EXPIRING) == log.minutes(Counter.OPEN_SINCE) == {}


def test_the_age_counts_a_conversation_until_its_expiry() -> None:
    # the spread of `open_since` is the hour of expiry: 11:00
    log = Log(rules(idle=3600), [opened("a", at="10:00"), tick("20:00")])
    spreads = {spread for _, _, counter, spread in log.panes("minute") if counter is Counter.OPEN_SINCE}
    assert spreads == {instant("11:00") // HOUR_MS}


def test_a_handoff_leaves_the_source_s_own_promise_where_no_target_is_configured() -> None:
    # opened 12:00 with a promise for 12:30, handed off 12:10, answered 12:20: in time
    log = Log(
        events=[opened("a", at="12:00"), event("sla.target_set", "a", at="12:00", due="12:30", clock="first_response")]
    )
    log.fold(handed_off("a", at="12:10"))
    assert log.minutes(DUE) == {"12:30": 1}
    assert log.fold(reply("a", at="12:20")).minutes(MET) == {"12:20": 1}


def test_an_expiry_before_due_cancels_the_promise() -> None:
    # expires 11:00; a promise for 10:30 stays and is missed, one for 12:00 is cancelled
    log = Log(rules(idle=3600, first_response=1800, resolution=7200), [opened("a", at="10:00"), tick("20:00")])
    assert (log.minutes(DUE), log.minutes(RESOLUTION_DUE)) == ({"10:30": 1}, {})


def test_an_unknown_type_before_the_opening_is_remembered_and_begins_nothing() -> None:
    # 12:00 unknown --- 12:01 the same again --- 12:02 opened --- 12:03 the same once more
    early = event("weather.changed", "a", at="12:00", id="early")
    log = Log(events=[early])
    assert log["a"].state == ""
    log.fold(early, opened("a", at="12:02"), early)
    assert log["a"].state == "open"
    assert (log["a"].opened_at, log["a"].is_implicit) == (instant("12:02"), False)
    books = log.partition.books
    assert (books.applied, books.ignored, books.duplicate) == (2, 1, 2)
    assert log.minutes(Counter.OPENED) == {"12:02": 1}
    assert log.partition.open_count == 1
