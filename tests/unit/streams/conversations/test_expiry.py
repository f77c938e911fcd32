"""Conversations that nobody ends expire."""

from streams.panes.counters import Counter
from tests.support.streams.events import HOUR_MS, does, instant, message, opened, tick
from tests.support.streams.log import DUE, RESOLUTION_DUE, Log, departed_at, rules


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


def test_a_departure_cancels_the_expiry() -> None:
    log = Log(rules(idle=3600), [opened("a", at="10:00"), does("closed", "a", at="10:10")])
    assert log.minutes(Counter.EXPIRING) == log.minutes(Counter.OPEN_SINCE) == {}


def test_the_age_counts_a_conversation_until_its_expiry() -> None:
    # the spread of `open_since` is the hour of expiry: 11:00
    log = Log(rules(idle=3600), [opened("a", at="10:00"), tick("20:00")])
    spreads = {spread for _, _, counter, spread in log.panes("minute") if counter is Counter.OPEN_SINCE}
    assert spreads == {instant("11:00") // HOUR_MS}


def test_an_expiry_cancels_an_sla_clock_not_yet_due() -> None:
    # expires 11:00; a clock due 10:30 stays and is missed, one due 12:00 is cancelled
    log = Log(rules(idle=3600, first_response=1800, resolution=7200), [opened("a", at="10:00"), tick("20:00")])
    assert (log.minutes(DUE), log.minutes(RESOLUTION_DUE)) == ({"10:30": 1}, {})
