"""The customer across channels: planted histories with sums done by hand."""

import pytest

from streams.events import Event
from streams.panes.counters import Counter
from tests.support.streams.customers import history
from tests.support.streams.events import by_anna, does, handed_off, message, opened, reply
from tests.support.streams.log import Log


def test_a_contact_within_a_day_of_a_resolve_is_a_repeat_and_a_hop_on_another_channel() -> None:
    # a resolved the 4th 12:00 ---- b by phone the 5th 11:59 (day, week, hop) ---- c by email the 11th 11:59 (week)
    found = history(
        by_anna("a", at="2024-03-04 10:00"),
        does("resolved", "a", at="2024-03-04 12:00"),
        by_anna("b", at="2024-03-05 11:59", channel="phone"),
        by_anna("c", at="2024-03-11 11:59"),
    )
    assert found.at(Counter.KNOWN_CONTACT) == ["11. 11:59 email +1", "4. 10:00 email +1", "5. 11:59 phone +1"]
    assert found.at(Counter.REPEAT_WITHIN_DAY) == ["5. 11:59 phone +1"]
    assert found.at(Counter.REPEAT_WITHIN_WEEK) == ["11. 11:59 email +1", "5. 11:59 phone +1"]
    assert found.at(Counter.HOP_WITHIN_DAY) == found.at(Counter.HOP_WITHIN_WEEK) == ["5. 11:59 phone +1"]


@pytest.mark.parametrize(
    ("second", "repeats"),
    [
        ("2024-03-04 12:00:00.000", {"repeat_within_day": 1, "repeat_within_week": 1}),
        ("2024-03-05 11:59:59.999", {"repeat_within_day": 1, "repeat_within_week": 1}),
        ("2024-03-05 12:00:00.000", {"repeat_within_week": 1}),
        ("2024-03-11 11:59:59.999", {"repeat_within_week": 1}),
        ("2024-03-11 12:00:00.000", {}),
    ],
)
def test_spans_are_half_open(second: str, repeats: dict[str, int]) -> None:
    resolved = does("resolved", "a", at="2024-03-04 12:00")
    found = history(by_anna("a", at="2024-03-04 10:00"), resolved, by_anna("b", at=second))
    assert {name: count for name, count in found.counts().items() if name.startswith("repeat")} == repeats


@pytest.mark.parametrize(
    "second",
    [
        {"customer_id": "bert"},
        {"customer_id": ""},
        {"direction": "outbound"},
        {"root_id": "a"},
    ],
    ids=["another customer", "an unknown customer", "an outbound conversation", "the same transfer chain"],
)
def test_only_a_contact_of_the_same_customer_is_a_repeat(second: dict[str, str]) -> None:
    found = history(by_anna("a", at="10:00"), does("resolved", "a", at="11:00"), by_anna("b", at="12:00", **second))
    assert "repeat_within_week" not in found.counts()


def test_a_closed_contact_is_not_resolved_and_a_reopening_revokes_no_repeat() -> None:
    closed = history(by_anna("a", at="10:00"), does("closed", "a", at="11:00"), by_anna("b", at="12:00"))
    assert "repeat_within_week" not in closed.counts()
    events = [by_anna("a", at="10:00"), does("resolved", "a", at="11:00"), by_anna("b", at="12:00")]
    assert history(*events, does("reopened", "a", at="13:00")).counts()["repeat_within_week"] == 1


def test_from_private_to_public_within_72_hours_is_an_exposure_of_the_public_contact() -> None:
    # email the 4th 10:00 ---- public post the 7th 09:59 (exposure) ---- public post the 7th 10:00 (72 h after: none)
    post = {"channel": "social_public"}
    first = by_anna("a", at="2024-03-04 10:00")
    early, late = by_anna("b", at="2024-03-07 09:59", **post), by_anna("c", at="2024-03-07 10:00", **post)
    assert history(first, early, late).at(Counter.ESCALATED_EXPOSURE) == ["7. 09:59 social_public +1"]
    assert history(early, by_anna("a", at="2024-03-07 11:00")).at(Counter.ESCALATED_EXPOSURE) == []


def session(*end: Event) -> list[Event]:
    return [by_anna("s", at="2024-03-04 10:00", channel="self_service"), *end]


def test_a_contained_session_is_verified_after_a_day_unless_a_human_was_needed() -> None:
    # session 4th 10:00-10:05 (contained) ---- verified on the 5th 10:05 ---- an agent writes at 10:04: revoked
    found = history(*session(does("resolved", "s", at="2024-03-04 10:05")))
    assert found.at(Counter.KNOWN_SESSION_ENDED) == ["4. 10:05 self_service +1"]
    assert found.at(Counter.SESSION_VERIFIABLE) == found.at(Counter.SESSION_VERIFIED) == ["5. 10:05 self_service +1"]
    again = by_anna("b", at="2024-03-05 10:00")
    for spoken_at, verified in (("2024-03-05 10:04", 0), ("2024-03-05 10:05", 1)):
        end = does("resolved", "s", at="2024-03-04 10:05")
        counts = history(*session(end), again, reply("b", at=spoken_at)).counts()
        assert counts.get("session_verified", 0) == verified
        assert counts["session_verifiable"] == 1


def test_a_session_handed_off_ends_then_and_is_neither_contained_nor_verified() -> None:
    log = session(handed_off("s", at="2024-03-04 10:03"), reply("s", at="2024-03-04 10:08"))
    log.append(does("resolved", "s", at="2024-03-04 10:30"))
    counts = history(*log).counts()
    assert (counts["known_session_ended"], counts["session_verifiable"]) == (1, 1)
    assert "session_verified" not in counts
    stage_one = Log(events=log)
    assert stage_one.minutes(Counter.SESSION_ENDED) == {"10:03": 1}
    assert stage_one.minutes(Counter.SESSION_CONTAINED) == {}


def test_sessions_of_unknown_customers_are_contained_and_not_verified() -> None:
    log = Log(events=[opened("s", at="10:00", channel="self_service"), does("abandoned", "s", at="10:05")])
    assert log.minutes(Counter.SESSION_ENDED) == log.minutes(Counter.SESSION_CONTAINED) == {"10:05": 1}
    assert log.partition.take_facts() == []


def test_the_burden_of_a_case_sums_waits_transfers_repeats_and_hops() -> None:
    # case 1: email into a queue (wait 1), queued again (wait 2), transferred (1), resolved;
    #         phone two days later (repeat 1, hop 1): the same case
    # no case: a chat eight days later: a case of its own
    found = history(
        by_anna("a", at="2024-03-04 10:00", queue="billing", case_id="1"),
        does("queued", "a", at="2024-03-04 10:10", queue="service"),
        does("transferred", "a", at="2024-03-04 10:20", queue="sales"),
        does("resolved", "a", at="2024-03-04 12:00"),
        by_anna("b", at="2024-03-06 12:00", channel="phone", case_id="1"),
        by_anna("c", at="2024-03-14 12:00", channel="web_chat"),
    )
    counts = found.counts()
    assert [counts[name] for name in ("queue_wait", "case_transfer", "repeat_within_week", "hop_within_week")] == [
        2,
        1,
        1,
        1,
    ]
    assert found.at(Counter.CASE_BEGAN) == ["14. 12:00 web_chat +1", "4. 10:00 email +1"]


def test_contacts_without_a_case_are_one_case_if_less_than_a_week_apart() -> None:
    days = ("2024-03-04 10:00", "2024-03-09 10:00", "2024-03-16 09:59", "2024-03-23 09:59")
    found = history(*(by_anna(f"c{number}", at=day) for number, day in enumerate(days)))
    # 5 days, 6 d 23:59, exactly 7 days: a new one
    assert found.at(Counter.CASE_BEGAN) == ["23. 09:59 email +1", "4. 10:00 email +1"]


def test_a_customer_who_becomes_known_later_counts_from_the_opening() -> None:
    events = [opened("a", at="10:00"), message("a", at="10:05", customer_id="anna"), does("resolved", "a", at="10:30")]
    found = history(*events, by_anna("b", at="11:00"))
    assert found.at(Counter.KNOWN_CONTACT) == ["4. 10:00 email +1", "4. 11:00 email +1"]
    assert found.counts()["repeat_within_day"] == 1


def test_a_late_opening_moves_the_contact() -> None:
    # message 10:05 arrives first; the opening of 10:00 arrives later, on another channel
    found = history(
        message("a", at="10:05", customer_id="anna"), by_anna("a", at="10:00"), does("resolved", "a", at="10:30")
    )
    assert found.at(Counter.KNOWN_CONTACT) == ["4. 10:00 email +1"]
    chain = history(message("a", at="10:05", customer_id="anna"), by_anna("a", at="10:00", root_id="other"))
    assert chain.counts() == {}
