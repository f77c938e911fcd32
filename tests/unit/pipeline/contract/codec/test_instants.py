"""Instants are truncated, never rounded, and an impossible broker timestamp is replaced."""

from typing import Any

import pytest

from pipeline.contract.codec import Codec
from pipeline.contract.instants import WrittenEnvelope
from streams.events import Envelope, Event
from tests.support.decoding import BROKER_MS, KEY, Record, accepted, decode, event, message, spliced_data


@pytest.mark.parametrize(
    ("fraction", "milliseconds"),
    [
        (".9999999", 999),  # .NET writes seven digits
        (".999999999", 999),
        (".9989995", 998),
        (".1239999999", 123),
        (".123456789123", 123),
        (".9", 900),
    ],
)
@pytest.mark.parametrize("slowly", [False, True])
def test_a_fraction_is_truncated_and_never_rounded_into_the_next_second_day_or_year(
    fraction: str, milliseconds: int, slowly: bool
) -> None:
    # 2023-12-31T23:59:59Z is 1704067199 s; no fraction of it may become 2024.
    time = f"2023-12-31T23:59:59{fraction}Z"
    fields: dict[str, Any] = {"actor_kind": "agent", "due_at": time}
    found = decode(event(time=time, data=fields | ({"visibility": "odd"} if slowly else {}))).events[0]
    assert (found.occurred_at, found.due_at) == (1_704_067_199_000 + milliseconds,) * 2


def test_a_numeric_due_at_is_read_as_unix_seconds() -> None:
    # 1,709,550,000 s are 2024-03-04T11:00:00Z.
    for due_at in (1_709_550_000, "1709550000"):
        assert decode(message(due_at=due_at)).events[0].due_at == 1_709_550_000_000


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [
        ("1704067199.9999999", 1_704_067_199_999),  # the nearest float is that of the next second, day and year
        ("1704067199.99999999999999999999999999999999", 1_704_067_199_999),
        ("1704067199.0019999", 1_704_067_199_001),
        ("1.7040671995e9", 1_704_067_199_500),
        ("17040671995E-1", 1_704_067_199_500),
        ("946684800", 946_684_800_000),
        ("946684799.9999999", 0),  # no due_at is valid before 2000
        ("4102444799.9999999", 4_102_444_799_999),
        ("4102444800", 0),
        ("-1.5", 0),
        ("1e-400", 0),
        ("253402300799.9999999", 0),
        ("-62135596800", 0),
    ],
)
def test_a_numeric_due_at_is_truncated_never_rounded(seconds: str, milliseconds: int, is_text: bool) -> None:
    written = f'"due_at": "{seconds}"' if is_text else f'"due_at": {seconds}'
    assert accepted(spliced_data(written.encode())).due_at == milliseconds


def test_an_escaped_time_is_unescaped_before_it_is_truncated() -> None:
    for time in (
        r"2023-12-31T23:59:59.99\u0039\u0039\u0039\u0039\u0039Z",
        r"2023-12-31T23:59:59\u002e9999999Z",
        r"2023-12-31T23:59:59.9999999\u005a",
        r"2023-12-31T23:59:59.9999999\u002b00:00",
    ):
        value = message(due_at="DUE").replace(b"2024-03-04T10:00:00Z", time.encode()).replace(b"DUE", time.encode())
        found = accepted(value)
        assert (found.occurred_at, found.due_at) == (1_704_067_199_999,) * 2


def test_the_fast_path_reads_the_attributes_of_the_contract() -> None:
    assert WrittenEnvelope.__struct_fields__ == Envelope.__struct_fields__


def test_a_due_at_at_the_last_instant_of_the_calendar_is_ignored_without_loss() -> None:
    found = decode(message(due_at="9999-12-31T23:59:59.9999999Z", queue="billing"))
    assert (found.rejections, found.dropped_fields, found.events[0].due_at) == ([], 0, 0)
    assert found.events[0].data.queue == "billing"


def at_broker_times(*timestamps: int, time: str = "2024-03-04T10:00:00Z", since: int = 0) -> list[Event]:
    records = [Record(n, timestamp, None, event(id=str(n), time=time)) for n, timestamp in enumerate(timestamps)]
    decoded = Codec(KEY).decode(records, since)
    assert decoded.rejections == []
    return decoded.events


@pytest.mark.parametrize("unusable", [0, -1, -(2**52), -(2**63), 2**62, 2**63 - 1, 4_102_444_800_000])
def test_the_last_good_timestamp_of_the_log_replaces_an_impossible_one(unusable: int) -> None:
    # A day ahead of 10:00, the last good broker time: clamped to it.
    first, second = at_broker_times(BROKER_MS, unusable, time="2024-03-05T10:00:00Z")
    assert (second.ingested_at, second.occurred_at, second.is_clamped) == (BROKER_MS, BROKER_MS, True)
    assert second.occurred_at == first.occurred_at
    # It carries over from one batch to the next, and to the time of a rejection.
    (only,) = at_broker_times(unusable, time="2024-03-05T10:00:00Z", since=BROKER_MS)
    assert (only.ingested_at, only.is_clamped) == (BROKER_MS, True)
    decoded = Codec(KEY).decode([Record(0, unusable, None, b"no JSON")], BROKER_MS)
    assert (decoded.rejections[0].ingested_at, decoded.broker_at) == (BROKER_MS, BROKER_MS)
    # Months ahead of it is rejected, as with a good timestamp.
    decoded = Codec(KEY).decode([Record(0, unusable, None, event(time="2099-01-01T00:00:00Z"))], BROKER_MS)
    assert [rejection.reason for rejection in decoded.rejections] == ["time_out_of_range"]


def test_before_the_first_good_timestamp_events_are_accepted_unclamped() -> None:
    (found,) = at_broker_times(-1)
    assert (found.ingested_at, found.occurred_at, found.is_clamped) == (0, BROKER_MS, False)
