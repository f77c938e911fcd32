"""Peer support: golden cases, one at a time."""

from typing import Any

import pytest

from streams.panes.counters import Counter
from tests.support.streams.community import accepted, by_peer, post, unaccepted
from tests.support.streams.events import does, message, reply
from tests.support.streams.log import Log, minutes_long


def test_the_first_peer_answer_is_measured_from_the_question_and_counted_once() -> None:
    # 12:00 question ---- 12:07 peer ---- 12:09 peer: 7 minutes, once, before staff
    log = Log(events=[post("a", at="12:00"), by_peer("a", at="12:07"), by_peer("a", at="12:09")])
    assert log.durations(Counter.FIRST_PEER_ANSWER) == {f"12:07 {minutes_long(7)}": 1}
    assert log.minutes(Counter.PEER_BEFORE_STAFF) == {"12:07": 1}
    assert log.minutes(Counter.PEER_MESSAGE) == {"12:07": 1, "12:09": 1}


def test_a_peer_answer_does_not_end_the_waiting_episode() -> None:
    # 12:00 question ---- 12:07 peer ---- 12:20 agent: the first response took 20 minutes
    log = Log(events=[post("a", at="12:00"), by_peer("a", at="12:07"), reply("a", at="12:20")])
    assert log.durations(Counter.FIRST_RESPONSE) == {f"12:20 {minutes_long(20)}": 1}


def test_a_peer_after_an_agent_is_not_before_staff_and_answers_the_open_question() -> None:
    # 12:00 question - 12:05 agent - 12:30 customer again - 12:34 peer: 4 minutes, not before staff
    log = Log(
        events=[post("a", at="12:00"), reply("a", at="12:05"), message("a", at="12:30"), by_peer("a", at="12:34")]
    )
    assert log.durations(Counter.FIRST_PEER_ANSWER) == {f"12:34 {minutes_long(4)}": 1}
    assert log.minutes(Counter.PEER_BEFORE_STAFF) == {}


@pytest.mark.parametrize(
    "events",
    [
        [post("a", at="12:00", direction="outbound"), by_peer("a", at="12:07")],
        [post("a", at="12:00"), by_peer("a", at="12:07", direction="internal")],
        [post("a", at="12:00"), message("a", at="12:07", by="bot")],
        [post("a", at="12:00"), does("closed", "a", at="12:05"), by_peer("a", at="12:07")],
        [post("a", at="12:00"), reply("a", at="12:05"), by_peer("a", at="12:07")],
    ],
    ids=["an announcement", "a note", "a bot", "after the departure", "already answered"],
)
def test_a_message_that_answers_nobody_is_not_a_peer_answer(events: list[Any]) -> None:
    assert Log(events=events).durations(Counter.FIRST_PEER_ANSWER) == {}


def test_a_peer_solution_without_any_agent_message_saves_the_contact() -> None:
    # two solutions of one conversation save one contact; an agent's solution saves none; a note is not a message
    events = [
        post("a", at="12:00"),
        reply("a", at="12:01", direction="internal"),
        accepted("a", at="12:05"),
        accepted("a", at="12:06"),
        post("b", at="12:00"),
        accepted("b", at="12:07", by="agent"),
        post("c", at="12:00"),
        reply("c", at="12:02"),
        accepted("c", at="12:08"),
    ]
    log = Log(events=events)
    assert log.minutes(Counter.SAVED_BY_PEER) == {"12:05": 1}
    assert log.minutes(Counter.SOLUTION_ACCEPTED) == {"12:05": 1, "12:06": 1, "12:07": 1, "12:08": 1}
    assert log.minutes(Counter.SOLUTION_ACCEPTED_FROM_PEER) == {"12:05": 1, "12:06": 1, "12:08": 1}


def test_a_contact_is_no_longer_saved_once_the_last_solution_is_revoked_or_an_agent_writes() -> None:
    log = Log(events=[post("a", at="12:00"), accepted("a", at="12:05"), accepted("a", at="12:06")])
    log.fold(unaccepted("a", at="12:10"))
    assert log.minutes(Counter.SAVED_BY_PEER) == {"12:05": 1}
    log.fold(unaccepted("a", at="12:11"))
    assert log.minutes(Counter.SAVED_BY_PEER) == {"12:05": 1, "12:11": -1}
    log.fold(unaccepted("a", at="12:12"), accepted("a", at="12:13"), reply("a", at="12:20"), reply("a", at="12:21"))
    assert log.minutes(Counter.SAVED_BY_PEER) == {"12:05": 1, "12:11": -1, "12:13": 1, "12:20": -1}
