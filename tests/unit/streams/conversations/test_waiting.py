"""Waiting parties, handoffs and transfers."""

from streams.panes.counters import COUNTERS, Counter
from tests.support.streams.events import does, handed_off, message, opened, reply
from tests.support.streams.log import Log, minutes_long


def test_the_waiting_party_depends_on_who_wrote_last() -> None:
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
    for event, expected in steps:
        log.fold(event)
        waiting = {
            party: next(iter(minutes))
            for party in ("agent", "customer", "third_party")
            if (minutes := log.minutes(COUNTERS[f"WAITING_{party.upper()}"]))
        }
        assert waiting == expected, event.type


def test_a_handoff_counts_once_per_waiting_episode_whichever_event_reports_it() -> None:
    # reported twice in the first episode; after the answer a new episode, and a new handoff
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


def test_ping_pong_is_a_transfer_back_to_an_earlier_queue() -> None:
    # sales -> service -> sales (back) -> sales (stays) -> legal (new): 4 transfers, 1 ping-pong
    route = ["service", "sales", "sales", "legal"]
    log = Log(events=[opened("a", at="12:00", queue="sales")])
    log.fold(
        *(does("transferred", "a", at=f"12:0{number}", queue=queue) for number, queue in enumerate(route, start=1))
    )
    assert log.count(Counter.TRANSFERRED) == log["a"].transferred_count == 4
    assert log.minutes(Counter.PING_PONG) == {"12:02": 1}


def test_a_reply_after_a_handoff_is_measured_from_the_handoff() -> None:
    # customer 12:00, handoff 12:10, agent 12:13: the reply took three minutes from the handoff
    log = Log(events=[opened("a", at="12:00"), handed_off("a", at="12:10"), reply("a", at="12:13")])
    assert log.durations(Counter.REPLY) == {"12:13 " + minutes_long(3): 1}
