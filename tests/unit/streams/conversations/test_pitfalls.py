"""Cases that other tools got wrong, one at a time."""

from streams.panes.counters import Counter
from tests.support.streams.events import does, handed_off, instant, message, opened, reply, tick
from tests.support.streams.log import DUE, MET, RESOLUTION_DUE, Log, minutes_long, rules


def test_a_bot_is_not_counted_as_an_agent() -> None:
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
    # due 12:05, the bot's message at 12:01 does not meet the target
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


def test_the_response_clock_survives_the_bots_handoff() -> None:
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
    # 2 opened - 1 merged; the remaining age is b's, and so is the only SLA clock: 12:10 + 2 h
    assert log.backlog("12:20") == 1
    assert log.minutes(Counter.OPEN_SINCE) == {"12:10": 1}
    assert log.minutes(Counter.WAITING_AGENT) == {"12:10": 1}
    assert log.minutes(RESOLUTION_DUE) == {"14:10": 1}


def test_an_sla_clock_does_not_escalate_after_the_answer() -> None:
    # due 12:10, answered 12:04: nothing falls due any more, however late it gets
    log = Log(rules(first_response=600), [opened("a", at="12:00"), reply("a", at="12:04"), tick("18:00")])
    assert log.minutes(DUE) == {}
    assert log.minutes(MET) == {"12:04": 1}
    # margin: 12:10 - 12:04
    assert log.durations(Counter.SLA_MARGIN) == {"12:04 " + minutes_long(6): 1}


def test_the_backlog_at_a_past_instant_does_not_change() -> None:
    # 12:00 --- 12:01 --- 12:02 --- 12:03     a, b open; a resolved; then another day passes
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


def test_a_duplicate_webhook_counts_once_even_with_different_content() -> None:
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


def test_a_conversation_that_is_never_closed_expires() -> None:
    # last activity 10:20, limit 2 h: 12:20, the full hour after it is 13:00
    log = Log(rules(idle=7200), [opened("a", at="10:00"), reply("a", at="10:20")])
    assert log.minutes(Counter.EXPIRING) == {"13:00": 1}
    assert (log.backlog("12:59"), log.backlog("13:00")) == (1, 0)
    # by default nothing expires
    assert Log(events=[opened("a", at="10:00"), tick("2024-06-01 00:00")]).backlog("2024-06-01 00:00") == 1


def test_a_late_reply_corrects_the_minute_it_belongs_to() -> None:
    # 12:00 ------- 12:01 ------- 12:02 --     due 12:01:30
    #   open          |      due    other         reply occurred 12:01:10, arrives after `other` (12:02:00)
    log = Log(rules(first_response=80), [opened("a", at="12:00:10"), opened("b", at="12:02:00")])
    assert (log.count(DUE, "12:01"), log.count(MET, "12:01")) == (1, 0)
    log.fold(reply("a", at="12:01:10"))
    assert (log.count(DUE, "12:01"), log.count(MET, "12:01")) == (0, 1)
