"""Waiting episodes, responses and escalations in the oracle."""

import pytest

from tests.oracle import Oracle, Record
from tests.support.streams.oracle_cases import at, does, durations, event, fact, opened, says


def test_messages_do_not_restart_a_running_episode_and_each_episode_has_a_reply() -> None:
    # 10:00 -> 10:10 = 10 (first); 10:20 (10:25 again) -> 10:27 = 7
    oracle = Oracle(
        [
            opened("10:00"),
            says("customer", "10:05"),
            says("agent", "10:10"),
            says("customer", "10:20"),
            says("customer", "10:25"),
            says("agent", "10:27"),
            says("agent", "10:28"),
        ]
    )
    assert durations(oracle, "first_response") == [10]
    assert durations(oracle, "reply") == [10, 7]
    assert oracle.waiting()[0]["waiting_on"] == "customer"
    assert oracle.waiting()[0]["since_ms"] == at("10:27")


def test_neither_a_note_nor_a_peer_message_is_an_answer() -> None:
    oracle = Oracle([opened("10:00", "community"), says("agent", "10:01", direction="internal"), says("peer", "10:02")])
    assert oracle.response_times() == []
    assert oracle.waiting()[0]["waiting_on"] == "agent"


@pytest.mark.parametrize(
    ("what", "party"),
    [
        ([], "agent"),
        ([does("waiting", "10:01", waiting_on="customer")], "customer"),
        ([does("waiting", "10:01", waiting_on="third_party")], "third_party"),
        ([does("waiting", "10:01", waiting_on="third_party"), says("agent", "10:02")], "third_party"),
        ([does("waiting", "10:01", waiting_on="third_party"), says("customer", "10:02")], "agent"),
        ([does("waiting", "10:01", waiting_on="customer"), does("resumed", "10:02")], "agent"),
        ([says("agent", "10:01"), event("bot.handed_off", "10:02")], "agent"),
    ],
)
def test_an_open_conversation_waits_on_one_party(what: list[Record], party: str) -> None:
    assert [row["waiting_on"] for row in Oracle([opened("10:00"), *what]).waiting()] == [party]


def test_a_handoff_counts_once_per_waiting_episode_whichever_event_reports_it() -> None:
    # 10:01 and 10:02 report the same; after the answer 10:05 a new one counts: 2
    oracle = Oracle(
        [
            opened("10:00", "web_chat", queue="q"),
            event("bot.handed_off", "10:01"),
            does("escalated", "10:02", kind="handoff"),
            says("agent", "10:05"),
            does("escalated", "10:06", kind="handoff"),
            does("escalated", "10:07", kind="hierarchical", level=2),
            does("escalated", "10:08", kind="hierarchical", level=3),
        ]
    )
    assert [(row["kind"], row["escalated_count"]) for row in oracle.escalations_by("hour")] == [
        ("handoff", 2),
        ("hierarchical", 2),
    ]
    assert fact(oracle)["escalated_count"] == 4
    assert durations(oracle, "first_response") == [4]  # 10:05 - 10:01
