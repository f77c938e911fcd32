"""Golden cases for the oracle: tiny logs, the sum done by hand in a comment beside each.

Each case is a line of the fine print of the event contract, of docs/decisions/0001, or one of the cases that
other tools got wrong. The day is 2024-03-04 (a Monday) unless an instant names another one.
"""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Oracle, Record, read_records
from tests.oracle.records import Rejected, accept, instant_ms

MINUTE_MS = 60_000
_ids = count()


def at(clock: str, day: str = "2024-03-04") -> int:
    """The instant of a UTC time of day, `10:00` or `10:00:30`, in ms."""
    text = clock if clock.count(":") == 2 else clock + ":00"
    instant = instant_ms(f"{day}T{text}Z")
    assert instant is not None
    return instant


def event(
    event_type: str,
    time_of_day: str,
    /,
    *,
    about: str = "a",
    day: str = "2024-03-04",
    event_id: str | None = None,
    tenant: str | None = None,
    **data: Any,
) -> Record:
    text = time_of_day if time_of_day.count(":") == 2 else time_of_day + ":00"
    value: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id if event_id is not None else f"e{next(_ids)}",
        "source": "/test",
        "type": event_type,
        "time": f"{day}T{text}Z",
        "subject": about,
        "data": data,
    }
    if tenant is not None:
        value["tenant"] = tenant
    return Record(value)


def opened(time_of_day: str, /, channel: str = "email", **data: Any) -> Record:
    return event("conversation.opened", time_of_day, channel=channel, **data)


def says(actor_kind: str, time_of_day: str, /, **data: Any) -> Record:
    return event("message.created", time_of_day, actor_kind=actor_kind, **data)


def does(what: str, time_of_day: str, /, **data: Any) -> Record:
    return event(f"conversation.{what}", time_of_day, **data)


def fact(oracle: Oracle) -> dict[str, Any]:
    (row,) = oracle.conversation_facts()
    return row


def durations(oracle: Oracle, kind: str) -> list[float]:
    """In minutes."""
    return [row["duration_ms"] / MINUTE_MS for row in oracle.response_times() if row["kind"] == kind]


def clocks(oracle: Oracle) -> list[tuple[str, str, str | None]]:
    """Kind, outcome, and the time of day of min(reply, due)."""

    def text(at_ms: int | None) -> str | None:
        if at_ms is None:
            return None
        minutes = at_ms % 86_400_000 // MINUTE_MS
        return f"{minutes // 60:02}:{minutes % 60:02}"

    return [(row["clock"], row["outcome"], text(row["at_ms"])) for row in oracle.sla()]


def counts(oracle: Oracle, queue: str, channel: str = "email") -> dict[str, tuple[int, int, int, int, int]]:
    """minute -> open, arrived, departed, moved in, moved out; rows that say something new only."""
    result = {}
    open_before = 0
    for row in oracle.backlog_by("minute"):
        if (row["queue"], row["channel"]) != (queue, channel):
            continue
        numbers = tuple(
            row[name] for name in ("open_count", "arrived_count", "departed_count", "moved_in_count", "moved_out_count")
        )
        if any(numbers[1:]) or numbers[0] != open_before:
            minutes = row["minute"] % 86_400_000 // MINUTE_MS
            result[f"{minutes // 60:02}:{minutes % 60:02}"] = numbers
        open_before = numbers[0]
    return result


# ---- cases that other tools got wrong ----------------------------------------------------------------


def test_a_bot_is_not_the_agent() -> None:
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


def test_merged_into_itself_is_nothing() -> None:
    oracle = Oracle([opened("10:00"), does("merged", "10:05", into_id="a")])
    assert fact(oracle)["state"] == "open"


def test_an_answered_promise_is_not_missed_later() -> None:
    # due 10:10, answered 10:05; the log goes on until 11:00
    oracle = Oracle(
        [opened("10:00"), says("agent", "10:05"), opened("11:00", about="b", direction="outbound")],
        target_seconds={"first_response": 600},
    )
    assert clocks(oracle) == [("first_response", "met", "10:05")]


def test_the_backlog_at_a_past_instant_stays_what_it_was() -> None:
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
    # 10:00 to 10:30 taken back by the reopen; last resolve 12:00 - first open 10:00 = 120 minutes
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


def test_a_duplicate_webhook_counts_once_even_with_another_content() -> None:
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


# ---- the fine print: what is accepted ----------------------------------------------------------------

GOOD = {"specversion": "1.0", "id": "1", "source": "/s", "type": "conversation.queued", "subject": "a"}
GOOD["time"] = "2024-03-04T10:00:00Z"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id is missing"),
        ({"source": None}, "source is missing"),
        ({"time": "2024-03-04T10:00:00"}, "RFC 3339"),
        ({"time": "2024-02-30T10:00:00Z"}, "RFC 3339"),
        ({"time": "1999-12-31T23:59:59.999Z"}, "before 2000"),
        ({"time": "2024-04-03T10:00:00.001Z"}, "30 days"),
        ({"subject": ""}, "subject"),
        ({"data": "text"}, "not an object"),
        ({"type": "message.created", "data": {}}, "actor_kind"),
        ({"type": "message.created", "data": {"actor_kind": "robot"}}, "actor_kind"),
        ({"type": "conversation.escalated", "data": {"kind": "loud"}}, "kind"),
        ({"type": "conversation.opened", "data": {}}, "channel"),
        ({"type": "conversation.merged"}, "into_id"),
    ],
)
def test_a_record_that_breaks_the_contract_is_rejected_and_counts_nowhere(change: dict[str, Any], reason: str) -> None:
    broker_ms = at("10:00")
    accept(Record(GOOD, broker_ms))
    with pytest.raises(Rejected, match=reason):
        accept(Record(GOOD | change, broker_ms))
    oracle = Oracle([Record(GOOD | change, broker_ms)])
    assert oracle.conversation_facts() == []
    assert oracle.rejections.total() == 1


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"\xff\xfe", b'{"id": NaN}', b"null"])
def test_what_is_no_json_object_is_rejected(value: bytes | None) -> None:
    with pytest.raises(Rejected):
        accept(Record(value))


def test_optional_enums_outside_their_values_become_empty() -> None:
    oracle = Oracle([opened("10:00", "phone", visibility="secret", direction="sideways", extra=[1])])
    assert fact(oracle)["visibility"] == "private"  # the channel's default
    assert oracle.channel_mix_by("day")[0]["opened_count"] == 1  # no direction: inbound


def test_an_unknown_channel_is_asynchronous_and_private() -> None:
    (row,) = Oracle([opened("10:00", "fax")]).channel_mix_by("minute")
    assert (row["channel"], row["mode"], row["visibility"]) == ("fax", "async", "private")


def test_the_subject_falls_back_to_the_key() -> None:
    assert accept(Record(GOOD | {"subject": None}, key=b"k")).conversation_id == "k"


def test_offsets_and_fractions_of_a_second() -> None:
    assert instant_ms("2024-03-04T11:00:00.9999+01:00") == at("10:00") + 999
    assert instant_ms("2024-03-04t09:30:00-00:30") == at("10:00")


def test_a_clock_more_than_five_seconds_ahead_is_clamped_to_the_brokers() -> None:
    five = accept(Record(GOOD, at("10:00") - 5_000))
    more = accept(Record(GOOD, at("10:00") - 5_001))
    assert (five.occurred_at_ms, five.is_clamped) == (at("10:00"), False)
    assert (more.occurred_at_ms, more.is_clamped) == (at("10:00") - 5_001, True)


def test_unknown_types_are_ignored_but_move_the_watermark() -> None:
    # opened 10:00, something at 10:02: dense to 10:02, and no conversation of its own
    oracle = Oracle([opened("10:00"), event("survey.answered", "10:02", about="b")])
    assert [row["open_count"] for row in oracle.backlog_by("minute")] == [1, 1, 1]
    assert len(oracle.conversation_facts()) == 1


# ---- the fine print: time and life cycle -------------------------------------------------------------


def test_life_cycle_time_never_runs_back_but_messages_keep_their_minute() -> None:
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


def test_what_runs_from_a_late_opening_runs_from_its_own_minute() -> None:
    # queued 10:05 arrives first, then the opening of 10:02; the answer at 10:11 is 9 minutes after the opening, in time
    # for a promise of 10 (10:12); the resolution of 10:20 took 18 minutes
    log = [does("queued", "10:05", queue="q"), opened("10:02", queue="q"), says("agent", "10:11")]
    oracle = Oracle([*log, does("resolved", "10:20")], target_seconds={"first_response": 600})
    assert (durations(oracle, "first_response"), durations(oracle, "resolution")) == ([9], [18])
    assert clocks(oracle) == [("first_response", "met", "10:11")]
    late = Oracle([*log[:2], says("agent", "10:13")], target_seconds={"first_response": 600})
    assert clocks(late) == [("first_response", "missed", "10:12")]
    # resolved before the opening was known
    known_later = Oracle([log[0], does("resolved", "10:20"), log[1]])
    assert durations(known_later, "resolution") == [18]


def test_a_late_opening_on_a_departed_conversation_is_none_when_dated_after_the_departure() -> None:
    log = [does("queued", "10:05", queue="q"), does("closed", "10:10")]
    before = Oracle([*log, opened("10:02", queue="q")])
    after = Oracle([*log, opened("10:12", queue="q")])
    assert (fact(before)["state"], fact(before)["opened_at"]) == ("closed", at("10:02"))
    assert (fact(after)["state"], fact(after)["reopened_count"]) == ("open", 1)
    assert fact(after)["opened_at"] == at("10:05")


def test_the_late_opening_decides_anew_whether_it_is_a_contact() -> None:
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


def test_opened_or_reopened_on_departed_is_reopened_and_on_open_nothing() -> None:
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


def test_what_comes_after_the_departure_counts_but_moves_nothing() -> None:
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


# ---- dimensions --------------------------------------------------------------------------------------


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


def test_an_outbound_opening_arrives_but_is_no_contact() -> None:
    # 10:00 an agent writes first; 10:30 the customer answers, 10:40 the agent: 10 minutes
    oracle = Oracle(
        [opened("10:00", actor_kind="agent"), says("customer", "10:30"), says("agent", "10:40")],
    )
    (row,) = oracle.channel_mix_by("hour")
    assert (row["opened_count"], row["inbound_message_count"]) == (0, 1)
    assert oracle.backlog_by("hour")[0]["arrived_count"] == 1
    assert durations(oracle, "first_response") == [10]


# ---- waiting, responses, escalations -----------------------------------------------------------------


def test_customer_messages_do_not_restart_a_running_episode_and_each_episode_has_a_reply() -> None:
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


def test_neither_a_note_nor_a_peer_answers() -> None:
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


def test_a_handoff_counts_once_per_waiting_episode_whichever_event_tells_it() -> None:
    # 10:01 and 10:02 tell the same; after the answer 10:05 a new one counts: 2
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


# ---- SLA ---------------------------------------------------------------------------------------------

TEN_MINUTES = {"first_response": 600}


@pytest.mark.parametrize(
    ("reply", "expected"), [("10:10:00.000", ("met", "10:10")), ("10:10:00.001", ("missed", "10:10"))]
)
def test_a_reply_at_the_due_instant_is_in_time(reply: str, expected: tuple[str, str]) -> None:
    oracle = Oracle([opened("10:00"), says("agent", reply)], target_seconds=TEN_MINUTES)
    assert clocks(oracle) == [("first_response", *expected)]


def test_a_promise_is_missed_only_before_the_watermark() -> None:
    log = [opened("10:00"), event("ignored.type", "10:10")]
    assert clocks(Oracle(log, target_seconds=TEN_MINUTES)) == [("first_response", "open", "10:10")]
    log.append(event("ignored.type", "10:10:00.001"))
    assert clocks(Oracle(log, target_seconds=TEN_MINUTES)) == [("first_response", "missed", "10:10")]


def test_waiting_pauses_and_the_clock_goes_on_with_what_remained() -> None:
    # 10:00, due 10:10; paused 10:04 with 6 minutes left; goes on 11:00, due 11:06
    log = [opened("10:00"), does("waiting", "10:04", waiting_on="customer")]
    assert clocks(Oracle([*log, event("x", "12:00")], target_seconds=TEN_MINUTES)) == [("first_response", "open", None)]
    for going_on in (does("resumed", "11:00"), says("customer", "11:00")):
        met = Oracle([*log, going_on, says("agent", "11:06")], target_seconds=TEN_MINUTES)
        assert clocks(met) == [("first_response", "met", "11:06")]
        missed = Oracle([*log, going_on, says("agent", "11:07")], target_seconds=TEN_MINUTES)
        assert clocks(missed) == [("first_response", "missed", "11:06")]


def test_a_late_message_ends_no_pause_before_the_last_transition() -> None:
    # resolution 1 h, due 11:00; paused 10:30 with 30 minutes left; said 10:20, told after it: nothing was paused
    log = [opened("10:00"), says("agent", "10:10"), does("waiting", "10:30"), says("customer", "10:20")]
    assert clocks(Oracle(log, target_seconds={"resolution": 3600})) == [("resolution", "open", "11:00")]
    # paused 10:20 with 40 minutes left, then for somebody else at 10:40; said 10:30: goes on 10:40, due 11:20
    log = [opened("10:00"), does("waiting", "10:20"), does("waiting", "10:40", waiting_on="third_party")]
    oracle = Oracle([*log, says("customer", "10:30")], target_seconds={"resolution": 3600})
    assert clocks(oracle) == [("resolution", "open", "11:20")]


def test_a_departure_before_due_cancels_and_after_it_does_not() -> None:
    assert clocks(Oracle([opened("10:00"), does("closed", "10:09")], target_seconds=TEN_MINUTES)) == []
    assert clocks(Oracle([opened("10:00"), does("closed", "10:11")], target_seconds=TEN_MINUTES)) == [
        ("first_response", "missed", "10:10")
    ]


def test_reopen_starts_resolution_afresh_and_never_first_response() -> None:
    # resolution 1 h: met 10:30; reopened 11:00, due 12:00, resolved 12:01: missed. First response: cancelled, no more.
    oracle = Oracle(
        [
            opened("10:00"),
            does("resolved", "10:05"),
            does("reopened", "11:00"),
            says("customer", "11:01"),
            does("resolved", "12:01"),
        ],
        target_seconds={"first_response": 600, "resolution": 3600},
    )
    assert clocks(oracle) == [("resolution", "met", "10:05"), ("resolution", "missed", "12:00")]


def test_later_episodes_have_their_own_clock() -> None:
    # next response 5 min: customer 10:10, due 10:15, answer 10:14 met; customer 10:20, due 10:25, answer 10:30 missed
    oracle = Oracle(
        [
            opened("10:00"),
            says("agent", "10:05"),
            says("customer", "10:10"),
            says("agent", "10:14"),
            says("customer", "10:20"),
            says("agent", "10:30"),
        ],
        target_seconds={"next_response": 300},
    )
    assert clocks(oracle) == [("next_response", "met", "10:14"), ("next_response", "missed", "10:25")]


def test_a_promise_of_the_source_replaces_one_not_past_due() -> None:
    promise = {"clock": "first_response", "due_at": "2024-03-04T10:30:00Z"}
    in_time = [opened("10:00"), event("sla.target_set", "10:05", **promise), says("agent", "10:20")]
    too_late = [opened("10:00"), event("sla.target_set", "10:15", **promise), says("agent", "10:20")]
    assert clocks(Oracle(in_time, target_seconds=TEN_MINUTES)) == [("first_response", "met", "10:20")]
    assert clocks(Oracle(too_late, target_seconds=TEN_MINUTES)) == [("first_response", "missed", "10:10")]
    on_opening = [opened("10:00", **promise), says("agent", "10:20")]
    assert clocks(Oracle(on_opening)) == [("first_response", "met", "10:20")]


def test_sla_lives_in_the_cell_of_the_conversation() -> None:
    # due 10:10 while in `second`: missed there, though answered in `third`
    oracle = Oracle(
        [
            opened("10:00", queue="first"),
            does("queued", "10:05", queue="second"),
            does("queued", "10:15", queue="third"),
            says("agent", "10:20"),
        ],
        target_seconds=TEN_MINUTES,
    )
    assert [(row["outcome"], row["queue"]) for row in oracle.sla()] == [("missed", "second")]


# ---- the whole file ----------------------------------------------------------------------------------


def test_the_recorded_incidents_balance(incidents: Path) -> None:
    # 10,414 opened + 132 reopened = 10,546 arrivals. 10,544 resolved and one closed without it: 10,545 departures.
    records = read_records(incidents)
    types = [json.loads(record.value)["type"] for record in records if isinstance(record.value, bytes)]
    oracle = Oracle(records)
    rows = oracle.backlog_by("day")
    assert types.count("conversation.opened") == len(oracle.conversation_facts()) == 10_414
    assert sum(row["arrived_count"] for row in rows) == 10_546
    assert sum(row["departed_count"] for row in rows) == 10_545
    assert sum(row["moved_in_count"] for row in rows) == sum(row["moved_out_count"] for row in rows)
    last_day = max(row["day"] for row in rows)
    assert sum(row["open_count"] for row in rows if row["day"] == last_day) == len(oracle.waiting()) == 1
    assert len(durations(oracle, "resolution")) == 10_412
