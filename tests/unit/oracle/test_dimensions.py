"""Dimensions in the oracle: stocks move, flows stay."""

from tests.oracle import Oracle
from tests.support.streams.oracle_cases import counts, does, durations, fact, opened, says


def test_a_stock_moves_and_a_flow_stays() -> None:
    # opened without queue 10:00; the message at 10:01 counts there; queued 10:02: '' -1, q +1; resolved in q
    oracle = Oracle(
        [opened("10:00"), says("customer", "10:01"), does("queued", "10:02", queue="q"), does("resolved", "10:03")]
    )
    assert counts(oracle, "") == {"10:00": (1, 1, 0, 0, 0), "10:02": (0, 0, 0, 0, 1)}
    assert counts(oracle, "q") == {"10:02": (1, 0, 0, 1, 0), "10:03": (0, 0, 1, 0, 0)}
    assert [row["queue"] for row in oracle.channel_mix_by("minute")] == ["", ""]


def test_a_changed_channel_brings_its_default_visibility() -> None:
    oracle = Oracle([opened("10:00", "social_public"), does("transferred", "10:01", channel="social_private")])
    assert (fact(oracle)["channel"], fact(oracle)["visibility"]) == ("social_private", "private")
    assert [r["visibility"] for r in oracle.backlog_by("hour")] == ["private", "public"]


def test_an_outbound_opening_arrives_but_is_not_a_contact() -> None:
    # 10:00 an agent writes first; 10:30 the customer answers, 10:40 the agent: 10 minutes
    oracle = Oracle(
        [opened("10:00", actor_kind="agent"), says("customer", "10:30"), says("agent", "10:40")],
    )
    (row,) = oracle.channel_mix_by("hour")
    assert (row["opened_count"], row["inbound_message_count"]) == (0, 1)
    assert oracle.backlog_by("hour")[0]["arrived_count"] == 1
    assert durations(oracle, "first_response") == [10]
