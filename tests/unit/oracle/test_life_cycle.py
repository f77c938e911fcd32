"""The life cycle of a conversation in the oracle: time, openings and departures."""

from tests.oracle import Oracle
from tests.support.streams.oracle_cases import at, clocks, counts, does, durations, fact, opened, says


def test_life_cycle_time_never_runs_backwards_but_messages_keep_their_minute() -> None:
    # assigned 10:10, then resolved dated 10:05: resolved at 10:10; the message dated 10:03 stays there
    oracle = Oracle([opened("10:00"), does("assigned", "10:10"), says("customer", "10:03"), does("resolved", "10:05")])
    assert fact(oracle)["resolved_at"] == at("10:10")
    messages = [r["minute"] for r in oracle.channel_mix_by("minute") if r["inbound_message_count"]]
    assert messages == [at("10:03")]


def test_a_conversation_may_begin_with_any_known_event() -> None:
    oracle = Oracle([does("transferred", "10:05", queue="billing")])
    assert (fact(oracle)["is_implicit"], fact(oracle)["opened_at"]) == (True, at("10:05"))
    assert fact(oracle)["transferred_count"] == 1
    assert counts(oracle, "billing", "") == {"10:05": (1, 1, 0, 0, 0)}


def test_a_late_opening_moves_to_its_own_minute_and_dimensions() -> None:
    # implicit in (billing, '') at 10:05, moved to sales 10:07; the opening in (first, email) at 10:02 arrives last.
    # first/email: +1 arrived 10:02, -1 moved out 10:05.   billing/'': arrived 1 - 1 = 0, moved in 10:05, out 10:07.
    # sales/'': in 10:07, then the channel is filled: out 10:07.   sales/email: in 10:07.
    log = [
        does("transferred", "10:05", queue="billing"),
        does("transferred", "10:07", queue="sales"),
        opened("10:02", queue="first"),
    ]
    oracle = Oracle(log)
    assert counts(oracle, "first") == {"10:02": (1, 1, 0, 0, 0), "10:05": (0, 0, 0, 0, 1)}
    assert counts(oracle, "billing", "") == {"10:05": (1, 0, 0, 1, 0), "10:07": (0, 0, 0, 0, 1)}
    assert counts(oracle, "sales", "") == {"10:07": (0, 0, 0, 1, 1)}
    assert counts(oracle, "sales") == {"10:07": (1, 0, 0, 1, 0)}
    (row,) = oracle.channel_mix_by("minute")
    assert (row["minute"], row["queue"], row["channel"]) == (at("10:02"), "first", "email")
    assert oracle.open_since()[0]["open_since_ms"] == fact(oracle)["opened_at"] == at("10:02")
    assert fact(oracle)["is_implicit"] is True


def test_clocks_and_durations_run_from_the_minute_of_a_late_opening() -> None:
    # queued 10:05 arrives first, then the opening of 10:02; the answer at 10:11 is 9 minutes after the opening, in time
    # for a target of 10 (10:12); the resolution of 10:20 took 18 minutes
    log = [does("queued", "10:05", queue="q"), opened("10:02", queue="q"), says("agent", "10:11")]
    oracle = Oracle([*log, does("resolved", "10:20")], target_seconds={"first_response": 600})
    assert (durations(oracle, "first_response"), durations(oracle, "resolution")) == ([9], [18])
    assert clocks(oracle) == [("first_response", "met", "10:11")]
    late = Oracle([*log[:2], says("agent", "10:13")], target_seconds={"first_response": 600})
    assert clocks(late) == [("first_response", "missed", "10:12")]
    # resolved before the opening arrived
    known_later = Oracle([log[0], does("resolved", "10:20"), log[1]])
    assert durations(known_later, "resolution") == [18]


def test_an_opening_dated_after_the_departure_is_not_a_late_opening() -> None:
    log = [does("queued", "10:05", queue="q"), does("closed", "10:10")]
    before = Oracle([*log, opened("10:02", queue="q")])
    after = Oracle([*log, opened("10:12", queue="q")])
    assert (fact(before)["state"], fact(before)["opened_at"]) == ("closed", at("10:02"))
    assert (fact(after)["state"], fact(after)["reopened_count"]) == ("open", 1)
    assert fact(after)["opened_at"] == at("10:05")


def test_a_late_opening_redecides_whether_it_is_a_contact() -> None:
    # an implicit contact is inbound; the opening says outbound, so it leaves the channel mix
    log = [does("queued", "10:05", queue="q"), opened("10:06", direction="outbound")]
    assert Oracle(log).channel_mix_by("minute") == []
    assert counts(Oracle(log), "q", "") == {"10:05": (1, 1, 0, 0, 0), "10:06": (0, 0, 0, 0, 1)}


def test_opened_on_open_fills_empty_fields_only() -> None:
    # queue stays; the tenant was empty: a move at 10:04
    oracle = Oracle([opened("10:00", queue="q"), opened("10:04", "phone", queue="other", tenant="north")])
    row = fact(oracle)
    assert (row["tenant"], row["queue"], row["channel"]) == ("north", "q", "email")
    assert [
        (r["tenant"], r["moved_in_count"], r["moved_out_count"])
        for r in oracle.backlog_by("minute")
        if r["minute"] == at("10:04")
    ] == [("", 0, 1), ("north", 1, 0)]


def test_opened_or_reopened_reopens_a_departed_conversation_and_ignores_an_open_one() -> None:
    oracle = Oracle(
        [
            opened("10:00"),
            does("reopened", "10:01"),
            does("closed", "10:02"),
            does("closed", "10:03"),
            opened("10:04"),
            does("closed", "10:05"),
            does("reopened", "10:06"),
        ]
    )
    row = fact(oracle)
    assert (row["state"], row["reopened_count"], row["departed_at"]) == ("open", 2, None)
    assert oracle.open_since()[0]["open_since_ms"] == at("10:06")


def test_resolved_then_closed_is_one_departure_of_kind_resolved() -> None:
    oracle = Oracle([opened("10:00"), does("resolved", "10:10"), does("closed", "11:10")])
    assert (fact(oracle)["state"], fact(oracle)["departed_at"]) == ("resolved", at("10:10"))
    assert sum(row["departed_count"] for row in oracle.backlog_by("hour")) == 1


def test_a_reopened_conversation_closed_without_resolve_has_no_resolution() -> None:
    log = [opened("10:00"), does("resolved", "10:10"), does("reopened", "10:20"), does("closed", "10:30")]
    oracle = Oracle(log)
    assert fact(oracle)["resolved_at"] is None
    assert durations(oracle, "resolution") == []


def test_deleted_departs_and_does_not_undo_the_opening() -> None:
    oracle = Oracle([opened("10:00"), does("deleted", "10:01")])
    assert counts(oracle, "") == {"10:00": (1, 1, 0, 0, 0), "10:01": (0, 0, 1, 0, 0)}


def test_events_after_the_departure_count_but_move_nothing() -> None:
    oracle = Oracle(
        [
            opened("10:00", queue="q"),
            does("resolved", "10:10"),
            says("agent", "10:11"),
            does("transferred", "10:12", queue="z"),
            does("escalated", "10:13", kind="regulatory"),
        ]
    )
    row = fact(oracle)
    assert (row["state"], row["queue"], row["message_count"]) == ("resolved", "z", 1)
    assert (row["transferred_count"], row["escalated_count"]) == (1, 1)
    assert row["first_response_at"] is None
    assert counts(oracle, "z") == {}
    assert oracle.escalations_by("hour")[0]["queue"] == "z"
