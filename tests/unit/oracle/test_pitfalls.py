"""The oracle on cases that other tools got wrong."""

from tests.oracle import Oracle
from tests.support.streams.oracle_cases import at, clocks, counts, does, durations, event, fact, opened, says


def test_a_bot_does_not_count_as_an_agent() -> None:
    # opened 10:00, bot 10:01, system 10:02, agent 10:09: the response took 9 minutes, not 1
    oracle = Oracle(
        [
            opened("10:00", "web_chat"),
            says("bot", "10:01"),
            says("system", "10:02"),
            says("agent", "10:09"),
        ]
    )
    assert durations(oracle, "first_response") == [9]
    assert fact(oracle)["first_response_at"] == at("10:09")
    assert fact(oracle)["message_count"] == 3


def test_first_response_after_a_reopen_is_not_measured_from_the_first_opening() -> None:
    # Monday 10:00 opened, 11:00 closed unanswered; Saturday 10:00 reopened, customer 10:00, agent 10:10: ten minutes
    saturday = "2024-03-09"
    oracle = Oracle(
        [
            opened("10:00"),
            does("closed", "11:00"),
            does("reopened", "10:00", day=saturday),
            says("customer", "10:00", day=saturday),
            says("agent", "10:10", day=saturday),
        ]
    )
    assert durations(oracle, "first_response") == durations(oracle, "reply") == [10]
    assert fact(oracle)["opened_at"] == at("10:00")


def test_the_response_clock_restarts_at_the_bots_handoff() -> None:
    # opened 10:00, due 10:10; handoff 10:08, due 10:18; agent 10:12: 4 minutes, met
    log = [opened("10:00", "web_chat"), event("bot.handed_off", "10:08"), says("agent", "10:12")]
    oracle = Oracle(log, target_seconds={"first_response": 600})
    assert durations(oracle, "first_response") == [4]
    assert clocks(oracle) == [("first_response", "met", "10:12")]


def test_a_merged_conversation_does_not_age() -> None:
    oracle = Oracle([opened("10:00"), opened("10:01", about="b"), does("merged", "10:05", into_id="b")])
    assert [row["conversation_id"] for row in oracle.open_since()] == ["b"]
    assert counts(oracle, "")["10:05"] == (1, 0, 1, 0, 0)  # 2 - 1


def test_a_merge_into_itself_is_ignored() -> None:
    oracle = Oracle([opened("10:00"), does("merged", "10:05", into_id="a")])
    assert fact(oracle)["state"] == "open"


def test_an_answered_sla_clock_is_not_missed_later() -> None:
    # due 10:10, answered 10:05; the log goes on until 11:00
    oracle = Oracle(
        [opened("10:00"), says("agent", "10:05"), opened("11:00", about="b", direction="outbound")],
        target_seconds={"first_response": 600},
    )
    assert clocks(oracle) == [("first_response", "met", "10:05")]


def test_the_backlog_at_a_past_instant_does_not_change() -> None:
    # a 10:00 to 10:03, b 10:01 to 10:05: at the end of 10:00 1, 10:01 2, 10:03 1, 10:05 0
    log = [
        opened("10:00"),
        opened("10:01", about="b"),
        does("resolved", "10:03"),
        does("resolved", "10:05", about="b"),
    ]
    rows = Oracle(log).backlog_by("minute")
    assert [row["open_count"] for row in rows] == [1, 2, 2, 1, 1, 0]
    assert [row["open_count"] for row in Oracle(log).backlog_by("hour")] == [0]


def test_a_conversation_resolved_twice_is_one_resolution() -> None:
    # 10:00 to 10:30 revoked by the reopen; last resolve 12:00 - first open 10:00 = 120 minutes
    oracle = Oracle([opened("10:00"), does("resolved", "10:30"), does("reopened", "11:00"), does("resolved", "12:00")])
    assert durations(oracle, "resolution") == [120]
    assert fact(oracle)["reopened_count"] == 1
    totals = oracle.backlog_by("day")[0]
    assert (totals["arrived_count"], totals["departed_count"], totals["open_count"]) == (2, 2, 0)
    assert sum(row["opened_count"] for row in oracle.channel_mix_by("day")) == 1


def test_each_part_of_a_ratio_is_dated_by_its_own_event() -> None:
    # opened before midnight, resolved after it: arrival on the 4th, departure on the 5th
    oracle = Oracle([opened("23:50"), does("resolved", "00:10", day="2024-03-05")])
    assert [(r["arrived_count"], r["departed_count"], r["open_count"]) for r in oracle.backlog_by("day")] == [
        (1, 0, 1),
        (0, 1, 0),
    ]


def test_a_duplicate_webhook_counts_once_even_with_different_content() -> None:
    log = [
        opened("10:00"),
        says("customer", "10:01", event_id="x"),
        says("customer", "10:01", event_id="x"),
        says("customer", "10:02", event_id="x"),
        says("customer", "10:03", about="b", event_id="x"),  # another conversation
    ]
    oracle = Oracle(log)
    assert (oracle.consumed_count, oracle.duplicate_count) == (5, 2)
    assert [row["message_count"] for row in oracle.conversation_facts()] == [1, 1]


def test_a_transfer_chain_is_one_contact() -> None:
    log = [opened("10:00", "phone", root_id="a"), opened("10:05", "phone", about="b", root_id="a")]
    oracle = Oracle(log)
    assert sum(row["opened_count"] for row in oracle.channel_mix_by("day")) == 1
    assert sum(row["arrived_count"] for row in oracle.backlog_by("day")) == 2


def test_a_close_that_never_comes_expires_at_the_full_hour_after_the_limit() -> None:
    # last activity 10:20, limit 2 h, so 12:20, full hour 13:00
    log = [opened("10:00"), says("agent", "10:20"), opened("14:00", about="b")]
    oracle = Oracle(log, idle_limit_seconds=7200)
    expired, still_open = oracle.conversation_facts()
    assert (expired["state"], expired["departed_at"]) == ("expired", at("13:00"))
    assert still_open["state"] == "open"
    assert Oracle(log).conversation_facts()[0]["state"] == "open"
    assert [row["open_count"] for row in oracle.backlog_by("hour")] == [1, 1, 1, 0, 1]


def test_activity_before_the_expiry_moves_it_and_after_it_reopens() -> None:
    # 10:20 + 1 h = 11:20 -> 12:00; 11:30 moves to 12:30 -> 13:00; a message at 14:10 finds it expired
    log = [
        opened("10:00"),
        says("agent", "10:20"),
        says("customer", "11:30"),
        says("customer", "14:10"),
        does("resolved", "14:20"),
    ]
    oracle = Oracle(log, idle_limit_seconds=3600)
    assert counts(oracle, "") == {
        "10:00": (1, 1, 0, 0, 0),
        "13:00": (0, 0, 1, 0, 0),
        "14:10": (1, 1, 0, 0, 0),
        "14:20": (0, 0, 1, 0, 0),
    }
    assert fact(oracle)["reopened_count"] == 1


def test_a_close_after_the_expiry_changes_nothing() -> None:
    oracle = Oracle([opened("10:00"), does("closed", "15:00")], idle_limit_seconds=3600)
    assert (fact(oracle)["state"], fact(oracle)["departed_at"]) == ("expired", at("11:00"))
