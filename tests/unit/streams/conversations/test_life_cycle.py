"""The life cycle of a conversation: opened, reopened, moved, departed, in any order of arrival."""

import msgspec
import pytest

from streams.events import Data, Event
from streams.panes.counters import Counter
from tests.support.streams.events import does, event, instant, make_event, message, opened
from tests.support.streams.log import DUE, RESOLUTION_DUE, Log, departed_at, rules


def test_opened_twice_only_fills_empty_fields() -> None:
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


def test_reopened_without_a_departure_is_ignored() -> None:
    log = Log(rules(resolution=3600), [opened("a", at="12:00"), does("reopened", "a", at="12:10")])
    assert log.minutes(Counter.REOPENED) == {}
    assert log["a"].reopened_count == 0
    assert log.minutes(RESOLUTION_DUE) == {"13:00": 1}


@pytest.mark.parametrize("back", [opened("a", at="12:30"), does("reopened", "a", at="12:30")])
def test_opened_or_reopened_reopens_a_departed_conversation(back: Event) -> None:
    log = Log(events=[opened("a", at="12:00"), does("abandoned", "a", at="12:10"), back])
    assert log.minutes(Counter.OPENED) == {"12:00": 1}
    assert log.minutes(Counter.REOPENED) == {"12:30": 1}
    # the age counts from the reopening, and it is the agent's turn
    assert log.minutes(Counter.OPEN_SINCE) == log.minutes(Counter.WAITING_AGENT) == {"12:30": 1}


def test_a_wrong_clock_does_not_lose_minutes_and_hours_of_later_events() -> None:
    # A producer in 2096 that stamps its own record moves the watermark there. Later records carry the present.
    def opening(about: str, at: str, stamped: str) -> Event:
        data = msgspec.convert({"channel": "email"}, Data)
        return make_event("conversation.opened", about, instant(at), about, data=data, ingested_at=instant(stamped))

    log = Log(events=[opening("a", "12:00", "12:00"), opening("b", "2096-01-01 12:00", "2096-01-01 12:00")])
    log.fold(opening("c", "12:05", "12:05"))
    assert log.count(Counter.OPENED, at="12:05") == log.count(Counter.OPENED, at="12:05", tier="minute") == 1
    assert log.count(Counter.OPENED, at="12:00", tier="hour") == 2
    # An event late by its own record's timestamp, too, still skips the tiers behind the horizon.
    log.fold(opening("d", "2024-01-01 12:00", "12:06"))
    assert log.count(Counter.OPENED, at="2024-01-01 12:00", tier="minute") == 0
    assert log.count(Counter.OPENED, at="2024-01-01 12:00", tier="hour") == 1


def test_a_merge_into_itself_is_ignored() -> None:
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


def test_a_departure_is_never_dated_before_the_reopening() -> None:
    # expired at 12:00, a message at 15:00 reopens it; a close dated 13:00 takes 15:00:
    # otherwise it would close what is not open
    log = Log(rules(idle=3600), [opened("a", at="11:00"), message("a", at="15:00"), does("closed", "a", at="13:00")])
    assert log.minutes(Counter.REOPENED) == log.minutes(Counter.CLOSED) == {"15:00": 1}
    assert [log.backlog(at) for at in ("11:00", "12:00", "13:00", "15:00")] == [1, 0, 0, 0]


def test_a_stock_moves_with_its_conversation_and_a_flow_stays() -> None:
    # opened and with a message in sales, moved to service at 12:05
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


def test_an_unknown_type_before_the_opening_is_deduplicated_and_begins_nothing() -> None:
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
