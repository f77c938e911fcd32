"""The oracle accepts and rejects by the event contract."""

from typing import Any

import pytest

from tests.oracle import Oracle, Record
from tests.oracle.records import Rejected, accept, instant_ms
from tests.support.streams.oracle_cases import at, event, fact, opened

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
def test_a_value_that_is_not_a_json_object_is_rejected(value: bytes | None) -> None:
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


def test_offsets_and_fractions_of_a_second_are_read() -> None:
    assert instant_ms("2024-03-04T11:00:00.9999+01:00") == at("10:00") + 999
    assert instant_ms("2024-03-04t09:30:00-00:30") == at("10:00")


def test_a_clock_more_than_five_seconds_ahead_is_clamped_to_the_brokers() -> None:
    five = accept(Record(GOOD, at("10:00") - 5_000))
    more = accept(Record(GOOD, at("10:00") - 5_001))
    assert (five.occurred_at_ms, five.is_clamped) == (at("10:00"), False)
    assert (more.occurred_at_ms, more.is_clamped) == (at("10:00") - 5_001, True)


def test_unknown_types_are_ignored_but_move_the_watermark() -> None:
    # opened 10:00, something at 10:02: rows up to 10:02, and no conversation of its own
    oracle = Oracle([opened("10:00"), event("survey.answered", "10:02", about="b")])
    assert [row["open_count"] for row in oracle.backlog_by("minute")] == [1, 1, 1]
    assert len(oracle.conversation_facts()) == 1
