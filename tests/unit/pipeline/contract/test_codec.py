"""Bytes into events: what is taken, mended or refused, and by which name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract.codec import Codec, Decoded
from pipeline.contract.instants import WrittenEnvelope
from pipeline.contract.validation import FIELD_TYPES, REASONS
from pipeline.simulation.bad_records import BAD_RECORDS
from streams.events import Envelope, Event, Rejection

BROKER_MS = 1_709_546_400_000  # 2024-03-04T10:00:00Z
DAY_MS = 86_400_000
KEY = b"a key for tests"

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/helpdesk",
    "type": "message.created",
    "time": "2024-03-04T10:00:00Z",
    "subject": "conv-1",
    "data": {"actor_kind": "agent"},
}
#: Stands for what a person wrote. No detail may show any of it.
SECRET = "Anna Schmidt, 0176 5551234"


@dataclass
class Record:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def decode(value: bytes | None, key: bytes | None = None, timestamp: int = BROKER_MS) -> Decoded:
    return Codec(KEY).decode([Record(7, timestamp, key, value)])


def accepted(value: bytes, key: bytes | None = None, timestamp: int = BROKER_MS) -> Event:
    """The event of a value that must be accepted without loss."""
    decoded = decode(value, key, timestamp)
    assert decoded.rejections == []
    assert decoded.dropped_fields == 0
    return decoded.events[0]


def mended(value: bytes, dropped: int = 1) -> Event:
    """The event of a value that must be accepted although `dropped` fields are not as they should be."""
    decoded = decode(value)
    assert decoded.rejections == []
    assert decoded.dropped_fields == dropped
    return decoded.events[0]


def rejected(value: bytes | None, key: bytes | None = None, timestamp: int = BROKER_MS) -> Rejection:
    decoded = decode(value, key, timestamp)
    assert decoded.events == []
    rejection = decoded.rejections[0]
    assert (rejection.offset, rejection.ingested_at) == (7, timestamp)
    assert rejection.reason in REASONS
    assert 0 < len(rejection.detail) < 250
    return rejection


def event(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def message(**data: Any) -> bytes:
    return event(data=GOOD["data"] | data)


def without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in GOOD.items() if name not in names}).encode()


def spliced(attribute: bytes) -> bytes:
    """The good event with one more attribute, byte for byte."""
    return event()[:-1] + b", " + attribute + b"}"


def spliced_data(field: bytes) -> bytes:
    """The good event with one more field of data, byte for byte."""
    return event()[:-2] + b", " + field + b"}}"


def brackets(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_a_good_event_carries_its_place_and_its_fields() -> None:
    found = accepted(event(tenant="north", data={"actor_kind": "agent", "due_at": "2024-03-04T12:00:00+01:00"}))
    assert (found.offset, found.ingested_at, found.occurred_at) == (7, BROKER_MS, BROKER_MS)
    assert (found.id, found.source, found.type, found.conversation_id) == (
        "1",
        "/helpdesk",
        "message.created",
        "conv-1",
    )
    assert (found.tenant, found.data.actor_kind, found.is_clamped) == ("north", "agent", False)
    assert found.due_at == BROKER_MS + 3_600_000  # 12:00+01:00 is 11:00Z
    assert found.digest == hashlib.blake2b(b"/helpdesk\n1", digest_size=8).digest()


# Whole records

WHOLE_RECORDS: dict[str, tuple[bytes | None, str]] = {
    "null value": (None, "tombstone"),
    "10 MB": (event(id="x" * 10_000_000), "too_large"),
    "one byte more than allowed": (event() + b" " * ((1 << 20) + 1 - len(event())), "too_large"),
    "empty value": (b"", "not_json"),
    "prose": (SECRET.encode(), "not_json"),
    "cut off": (event()[:-7], "not_json"),
    "something after the end": (event() + b"x", "not_json"),
    "byte order mark": (b"\xef\xbb\xbf" + event(), "not_json"),
    "UTF-16": (event().decode().encode("utf-16"), "not_json"),
    "invalid UTF-8 outside of texts": (b"\xff\xfe" + event(), "not_json"),
    "NaN": (spliced_data(b'"reach": NaN'), "not_json"),
    "infinity": (spliced_data(b'"reach": -Infinity'), "not_json"),
    "array that is not JSON": (b"[1,]", "not_json"),
    "array": (b"[" + event() + b"]", "not_an_object"),
    "text": (b'"text"', "not_an_object"),
    "number": (b"12", "not_an_object"),
    "boolean": (b" true", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "100,000 brackets": (brackets(100_000), "too_large"),
    "100,000 opening brackets": (b"[" * 100_000, "too_large"),
    "100,000 objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_large"),
    "100,000 brackets in an unknown attribute": (spliced(b'"deep": ' + brackets(100_000)), "too_large"),
    "100,000 brackets in an unknown field": (spliced_data(b'"deep": ' + brackets(100_000)), "too_large"),
    "100,000 brackets in a known field": (spliced_data(b'"queue": ' + brackets(100_000)), "too_large"),
}


@pytest.mark.parametrize("name", WHOLE_RECORDS)
def test_a_record_that_is_no_event_at_all_is_rejected(name: str) -> None:
    value, reason = WHOLE_RECORDS[name]
    rejection = rejected(value)
    assert (rejection.reason, rejection.field) == (reason, "")


def test_the_largest_value_is_accepted() -> None:
    accepted(event() + b" " * ((1 << 20) - len(event())))


def test_nesting_is_judged_by_its_depth_alone() -> None:
    # the event itself is one level, data a second: 2 + 498 = 500
    accepted(spliced_data(b'"deep": ' + brackets(498)))
    assert rejected(spliced_data(b'"deep": ' + brackets(499))).reason == "too_large"
    accepted(spliced_data(b'"flat": [' + b"[]," * 5_000 + b"[]]"))
    accepted(spliced_data(b'"text": "\\"' + b"[" * 5_000 + b'"'))


def test_nesting_is_judged_alike_on_a_deep_stack() -> None:
    def below(levels: int) -> Decoded:
        return below(levels - 1) if levels else decode(spliced_data(b'"deep": ' + brackets(498)))

    assert below(300).rejections == []


# Attributes

ATTRIBUTES: dict[str, tuple[bytes, str, str]] = {
    "no id": (without("id"), "missing_field", "id"),
    "no type": (without("type"), "missing_field", "type"),
    "no time": (without("time"), "missing_field", "time"),
    "no source": (without("source"), "missing_field", "source"),
    "no specversion": (without("specversion"), "missing_field", "specversion"),
    "null id": (event(id=None), "missing_field", "id"),
    "empty source": (event(source=""), "missing_field", "source"),
    "id as an array": (event(id=[5]), "invalid_value", "id"),
    "id too long": (event(id="x" * 513), "invalid_value", "id"),
    "id in invalid UTF-8": (event(id="@").replace(b"@", b"\xff"), "not_json", "id"),
    "subject too long": (event(subject="x" * 513), "invalid_value", "subject"),
    "subject in invalid UTF-8": (event(subject="@").replace(b"@", b"\xff"), "not_json", "subject"),
    "another specversion": (event(specversion="0.3"), "invalid_value", "specversion"),
    "time without offset": (event(time="2024-03-04T10:00:00"), "time_without_offset", "time"),
    "time in 1970": (event(time="1970-01-01T00:00:00Z"), "time_out_of_range", "time"),
    "time just before 2000": (event(time="1999-12-31T23:59:59.999Z"), "time_out_of_range", "time"),
    "time in 2100": (event(time="2100-01-01T00:00:00Z"), "time_out_of_range", "time"),
    "time at the end of the calendar": (event(time="9999-12-31T23:59:59-12:00"), "time_out_of_range", "time"),
    "time at its beginning": (event(time="0001-01-01T00:00:00+14:00"), "time_out_of_range", "time"),
    "offset without a colon": (event(time="2024-03-04T10:00:00+0100"), "invalid_value", "time"),
    "offset to the west without a colon": (event(time="2024-03-04T10:00:00.5-0330"), "invalid_value", "time"),
    "time is a date": (event(time="2024-03-04"), "invalid_value", "time"),
    "time is a word": (event(time="yesterday"), "invalid_value", "time"),
    "time is a number": (event(time=1_709_546_400), "invalid_value", "time"),
    "data is an array": (event(data=[GOOD["data"]]), "invalid_value", "data"),
    "data is a text": (event(data="opened"), "invalid_value", "data"),
    "data is a number": (event(data=1), "invalid_value", "data"),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_outside_the_contract_rejects(name: str) -> None:
    value, reason, field = ATTRIBUTES[name]
    rejection = rejected(value)
    assert (rejection.reason, rejection.field) == (reason, field)


@pytest.mark.parametrize("timestamp", [-1, 0])
def test_without_a_broker_time_the_calendar_still_ends(timestamp: int) -> None:
    late = decode(event(time="2100-01-01T00:00:00Z"), timestamp=timestamp)
    assert [(one.reason, one.ingested_at) for one in late.rejections] == [("time_out_of_range", 0)]
    assert not accepted(event(time="2099-12-31T23:59:59Z"), timestamp=timestamp).is_clamped


def test_a_time_ahead_of_the_broker_is_kept_then_clamped_then_rejected() -> None:
    # broker 10:00:00.000
    assert accepted(event(time="2024-03-04T10:00:05Z")).occurred_at == BROKER_MS + 5_000
    assert not accepted(event(time="2024-03-04T10:00:05Z")).is_clamped
    for time in ("2024-03-04T10:00:05.001Z", "2024-04-03T10:00:00Z"):  # March has 31 days: 30 days ahead
        found = accepted(event(time=time))
        assert (found.occurred_at, found.is_clamped) == (BROKER_MS, True)
    rejection = rejected(event(time="2024-04-03T10:00:00.001Z"))
    assert (rejection.reason, rejection.field) == ("time_out_of_range", "time")
    assert "2024-04-03T10:00:00.001" in rejection.detail


def test_the_offset_of_a_time_counts() -> None:
    assert accepted(event(time="2024-03-04T15:30:00.250+05:30")).occurred_at == BROKER_MS + 250


def test_the_key_stands_in_for_a_missing_subject() -> None:
    assert accepted(without("subject"), key="conv-ü".encode()).conversation_id == "conv-ü"
    assert accepted(event(subject=""), key=b"conv-9").conversation_id == "conv-9"
    assert accepted(event(subject=None), key=b"conv-9").conversation_id == "conv-9"
    assert accepted(event(subject="conv-1"), key=b"conv-9").conversation_id == "conv-1"
    assert accepted(event(subject=4711), key=b"conv-9").conversation_id == "4711"


@pytest.mark.parametrize("key", [None, b""])
def test_no_subject_and_no_key_rejects(key: bytes | None) -> None:
    rejection = rejected(without("subject"), key=key)
    assert (rejection.reason, rejection.field) == ("missing_field", "subject")


@pytest.mark.parametrize("key", [b"\xff\xfe", b"x" * 513])
def test_a_key_that_cannot_be_a_subject_rejects(key: bytes) -> None:
    rejection = rejected(without("subject"), key=key)
    assert (rejection.reason, rejection.field) == ("invalid_value", "subject")


# What passes because nobody looks at it

UNKNOWN: dict[str, bytes] = {
    "unknown attribute": event(traceparent="00-4bf9", comexampleextension={"a": [1]}),
    "unknown field": message(sentiment=0.7, tags=["a"]),
    "huge integer": spliced_data(b'"n": ' + b"9" * 5_000),
    "number out of range": spliced(b'"n": 1e400'),
    "invalid UTF-8": spliced(b'"text": "\xff"'),
    "invalid UTF-8 in a name": spliced(b'"\xff": 1'),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_the_contract_does_not_name_passes(name: str) -> None:
    accepted(UNKNOWN[name])


@pytest.mark.parametrize("name", UNKNOWN)
def test_it_passes_also_beside_a_field_that_has_to_be_dropped(name: str) -> None:
    assert mended(UNKNOWN[name].replace(b'"agent"', b'"agent", "visibility": "odd"')).data.visibility is None


def test_an_unknown_type_passes_whatever_its_data_is() -> None:
    assert accepted(event(type="survey.answered", data={"score": 5})).type == "survey.answered"
    assert accepted(event(type="conversation.snoozed", data=None)).type == "conversation.snoozed"
    assert mended(event(type="survey.answered", data="five")).type == "survey.answered"
    assert mended(event(type="survey.answered", data=[5])).data.channel is None


def test_an_unknown_channel_passes() -> None:
    assert accepted(event(type="conversation.opened", data={"channel": "fax"})).data.channel == "fax"


# Fields of data

REQUIRED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "opened without channel": ("conversation.opened", {}, "missing_field", "data.channel"),
    "opened on a null channel": ("conversation.opened", {"channel": None}, "missing_field", "data.channel"),
    "opened on an empty channel": ("conversation.opened", {"channel": ""}, "missing_field", "data.channel"),
    "opened on no channel name": ("conversation.opened", {"channel": "Fax Machine"}, "invalid_value", "data.channel"),
    "message without speaker": ("message.created", {}, "missing_field", "data.actor_kind"),
    "message of an unknown kind": ("message.created", {"actor_kind": "robot"}, "invalid_value", "data.actor_kind"),
    "message of a number": ("message.created", {"actor_kind": 5}, "invalid_value", "data.actor_kind"),
    "message of an array": ("message.created", {"actor_kind": ["bot"]}, "invalid_value", "data.actor_kind"),
    "escalated without kind": ("conversation.escalated", {"level": 2}, "missing_field", "data.kind"),
    "escalated of an unknown kind": ("conversation.escalated", {"kind": "loud"}, "invalid_value", "data.kind"),
    "merged without target": ("conversation.merged", {}, "missing_field", "data.into_id"),
    "merged into an object": ("conversation.merged", {"into_id": {}}, "invalid_value", "data.into_id"),
    "merged into too long an id": ("conversation.merged", {"into_id": "x" * 513}, "invalid_value", "data.into_id"),
}


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_outside_the_contract_rejects(name: str) -> None:
    event_type, data, reason, field = REQUIRED[name]
    rejection = rejected(event(type=event_type, data=data))
    assert (rejection.reason, rejection.field) == (reason, field)


@pytest.mark.parametrize("data", [None, {}])
def test_a_type_with_a_required_field_needs_data(data: dict[str, Any] | None) -> None:
    assert rejected(event(data=data)).field == "data.actor_kind"
    assert rejected(without("data")).field == "data.actor_kind"


def test_a_rejected_enumeration_says_what_was_expected_and_what_came() -> None:
    detail = rejected(event(data={"actor_kind": "robot"})).detail
    assert detail == "expected one of customer, peer, agent, bot, system, got 'robot'"


DROPPED: dict[str, tuple[str, Any]] = {
    "enumeration outside its values": ("visibility", "secret"),
    "enumeration of another kind": ("direction", 1),
    "channel that is no name": ("channel", "Fax Machine"),
    "boolean in the place of a text": ("queue", True),
    "object in the place of a text": ("topic", {"a": 1}),
    "fraction in the place of a count": ("reach", 1.5),
    "boolean in the place of a count": ("reach", True),
    "negative count": ("reach", -1),
    "count too great": ("reach", 10**10 + 1),
    "count of 30 digits": ("reach", 10**30),
    "level too high": ("level", 256),
    "promise without offset": ("due_at", "2024-03-04T12:00:00"),
    "promise with an offset without a colon": ("due_at", "2024-03-04T12:00:00+0530"),
    "promise with an offset of half an hour without a colon": ("due_at", "2024-03-04T12:00:00-0030"),
    "promise that is no time": ("due_at", "tomorrow"),
    "promise beyond numbers": ("due_at", 1e300),
    "promise of a billion digits": ("due_at", "1e999999999"),
    "promise after the year 9999": ("due_at", 253_402_300_800),
    "promise before the year 1": ("due_at", -62_135_596_801),
    "identifier too long": ("customer_id", "x" * 513),
}


@pytest.mark.parametrize("name", DROPPED)
def test_an_optional_field_outside_the_contract_is_dropped_and_counted(name: str) -> None:
    field, value = DROPPED[name]
    assert getattr(mended(message(**{field: value})).data, field) is None


@pytest.mark.parametrize("digits", [4_000, 5_000, 100_000])
def test_a_count_of_thousands_of_digits_is_dropped(digits: int) -> None:
    assert mended(spliced_data(b'"reach": ' + b"9" * digits)).data.reach is None


@pytest.mark.parametrize(("field", "value"), [("reach", b"1e400"), ("due_at", b"1e400"), ("queue", b'"\xff"')])
def test_an_optional_field_that_cannot_be_read_is_dropped(field: str, value: bytes) -> None:
    assert getattr(mended(spliced_data(f'"{field}": '.encode() + value)).data, field) is None


def test_each_dropped_field_counts() -> None:
    found = mended(message(visibility="odd", reach=-1, clock="noon", queue="billing"), dropped=3)
    assert found.data.queue == "billing"


def test_a_subject_or_tenant_of_a_wrong_kind_is_dropped() -> None:
    decoded = decode(event(subject=["conv"], tenant={}), key=b"conv-9")
    assert (decoded.events[0].conversation_id, decoded.events[0].tenant, decoded.dropped_fields) == ("conv-9", "", 2)


def test_numbers_as_text_and_texts_as_numbers_are_what_they_look_like() -> None:
    data = accepted(message(reach="12", level="2", priority=3, customer_id=4711, queue=1.5)).data
    assert (data.reach, data.level, data.priority, data.customer_id, data.queue) == (12, 2, "3", "4711", "1.5")
    assert accepted(event(tenant=7, subject=8)).tenant == "7"


def test_null_fields_are_missing_fields() -> None:
    fields = dict.fromkeys(("channel", "queue", "customer_id", "level", "reach", "due_at", "clock"))
    found = accepted(event(subject="conv-1", tenant=None, data=fields | {"actor_kind": "bot"}))
    assert (found.data.queue, found.data.reach, found.customer, found.due_at, found.tenant) == (None, None, "", 0, "")


def test_empty_fields_are_missing_fields() -> None:
    found = accepted(event(tenant="", data=dict.fromkeys(FIELD_TYPES, "") | {"actor_kind": "bot"}))
    assert (found.data.queue or None, found.data.reach, found.customer, found.due_at) == (None, None, "", 0)
    assert (found.data.kind or None, found.data.level, found.data.waiting_on or None) == (None, None, None)


def test_short_texts_are_cut_and_counted() -> None:
    assert accepted(message(queue="q" * 200)).data.queue == "q" * 200
    assert mended(message(queue="q" * 201)).data.queue == "q" * 200
    assert mended(event(tenant="t" * 201)).tenant == "t" * 200


@pytest.mark.parametrize("field", ["customer_id", "actor_id", "case_id", "root_id", "thread_id", "into_id"])
def test_an_identifier_is_never_cut(field: str) -> None:
    # 300 characters are allowed; the odd visibility sends the event the slow way
    long = "x" * 300
    assert getattr(mended(message(visibility="odd", **{field: long})).data, field) == long
    assert getattr(mended(message(**{field: "x" * 513})).data, field) is None


@pytest.mark.parametrize("due_at", ["9999-12-31T23:59:59-12:00", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"])
def test_a_promise_beyond_the_calendar_is_none(due_at: str) -> None:
    assert accepted(message(due_at=due_at)).due_at == 0


# Instants are cut, never rounded


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
def test_a_fraction_is_cut_never_rounded_into_the_next_second_day_or_year(
    fraction: str, milliseconds: int, slowly: bool
) -> None:
    # 2023-12-31T23:59:59Z is 1704067199 s; nothing of it may fall into 2024.
    time = f"2023-12-31T23:59:59{fraction}Z"
    fields: dict[str, Any] = {"actor_kind": "agent", "due_at": time}
    found = decode(event(time=time, data=fields | ({"visibility": "odd"} if slowly else {}))).events[0]
    assert (found.occurred_at, found.due_at) == (1_704_067_199_000 + milliseconds,) * 2


def test_a_promise_as_a_number_is_read_as_what_it_looks_like() -> None:
    # 1,709,550,000 s are 2024-03-04T11:00:00Z.
    for due_at in (1_709_550_000, "1709550000"):
        assert decode(message(due_at=due_at)).events[0].due_at == 1_709_550_000_000


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [
        ("1704067199.9999999", 1_704_067_199_999),  # nearest to it is the float of the next second, day and year
        ("1704067199.99999999999999999999999999999999", 1_704_067_199_999),
        ("1704067199.0019999", 1_704_067_199_001),
        ("1.7040671995e9", 1_704_067_199_500),
        ("17040671995E-1", 1_704_067_199_500),
        ("946684800", 946_684_800_000),
        ("946684799.9999999", 0),  # before 2000 there is no promise
        ("4102444799.9999999", 4_102_444_799_999),
        ("4102444800", 0),
        ("-1.5", 0),
        ("1e-400", 0),
        ("253402300799.9999999", 0),
        ("-62135596800", 0),
    ],
)
def test_a_promise_as_a_number_is_cut_never_rounded(seconds: str, milliseconds: int, is_text: bool) -> None:
    written = f'"due_at": "{seconds}"' if is_text else f'"due_at": {seconds}'
    assert accepted(spliced_data(written.encode())).due_at == milliseconds


def test_a_time_in_escapes_is_read_before_it_is_cut() -> None:
    for time in (
        r"2023-12-31T23:59:59.99\u0039\u0039\u0039\u0039\u0039Z",
        r"2023-12-31T23:59:59\u002e9999999Z",
        r"2023-12-31T23:59:59.9999999\u005a",
        r"2023-12-31T23:59:59.9999999\u002b00:00",
    ):
        value = message(due_at="DUE").replace(b"2024-03-04T10:00:00Z", time.encode()).replace(b"DUE", time.encode())
        found = accepted(value)
        assert (found.occurred_at, found.due_at) == (1_704_067_199_999,) * 2


def test_the_fast_way_reads_the_attributes_of_the_contract() -> None:
    assert WrittenEnvelope.__struct_fields__ == Envelope.__struct_fields__


def test_the_last_instant_of_the_calendar_as_a_promise_is_none_and_loses_nothing() -> None:
    found = decode(message(due_at="9999-12-31T23:59:59.9999999Z", queue="billing"))
    assert (found.rejections, found.dropped_fields, found.events[0].due_at) == ([], 0, 0)
    assert found.events[0].data.queue == "billing"


# Half a surrogate pair stands for no character

HALF = b'"\\ud83d"'


def halved(name: str) -> bytes:
    """An event with half a surrogate pair as the value of `name`, an attribute or a field of data."""
    holder: dict[str, Any] = {"data": {"actor_kind": "agent"} | ({name: "HALF"} if name not in GOOD else {})}
    return event(**(holder if name not in GOOD else {name: "HALF"})).replace(b'"HALF"', HALF)


def test_half_a_surrogate_pair_in_an_unknown_field_is_not_looked_at() -> None:
    assert mended(halved("note"), dropped=0).data.actor_kind == "agent"
    whole = event(extension="HALF", data={"actor_kind": "agent", "x": {"y": ["HALF", "a"]}}).replace(b'"HALF"', HALF)
    assert mended(whole, dropped=0).data.actor_kind == "agent"


def test_half_a_surrogate_pair_in_an_optional_field_drops_it_alone() -> None:
    assert mended(halved("queue")).data.queue is None


@pytest.mark.parametrize("name", ["id", "source", "type", "time", "subject"])
def test_half_a_surrogate_pair_in_what_names_the_event_rejects_it(name: str) -> None:
    assert (rejected(halved(name)).reason, rejected(halved(name)).field) == ("not_json", name)


def test_whole_pairs_and_escaped_backslashes_beside_half_a_pair_stay() -> None:
    value = message(queue="R \U0001f680 \\ud83d", note="HALF").replace(b'"HALF"', HALF)
    assert mended(value, dropped=0).data.queue == "R \U0001f680 \\ud83d"


@pytest.mark.parametrize("text", [r"\ufdd0", r"\uFDD0", r"\\ufdd0", "\ufdd0", "\ufffd", r"\u00ff"])
def test_no_other_text_is_taken_for_half_a_pair(text: str) -> None:
    written = f'"{text}"'
    value = message(queue="HALF", visibility="odd").replace(b'"HALF"', written.encode())
    assert mended(value).data.queue == json.loads(written)
    assert accepted(event(id="HALF", subject=4711).replace(b'"HALF"', written.encode())).id == json.loads(written)


# Numbers in the place of texts


@pytest.mark.parametrize(
    "digits", ["4711.10", "4711.1", "1700000000.12345671", "1700000000.12345672", "1e2", "1E+2", "100.0", "-0", "1e400"]
)
def test_a_number_in_the_place_of_a_text_is_its_digits_as_they_are_written(digits: str) -> None:
    attributes = f'"id": {digits}, "source": {digits}, "subject":  {digits} , "tenant":{digits}\n'
    data = ", ".join(f'"{name}": {digits}' for name in ("queue", "customer_id", "actor_id", "case_id", "thread_id"))
    found = accepted(
        f'{{"specversion": "1.0", "time": "2024-03-04T10:00:00Z", "type": {digits}, {attributes}, '
        f'"data": {{{data}}}}}'.encode()
    )
    assert (found.id, found.source, found.type, found.conversation_id, found.tenant) == (digits,) * 5
    names = (found.data.customer_id, found.data.actor_id, found.data.case_id)
    assert (found.data.queue, found.data.thread_id, *names) == (digits,) * 5


def test_too_many_digits_are_too_long_a_text() -> None:
    assert rejected(event(id="ID").replace(b'"ID"', b"9" * 5_000)).field == "id"
    assert mended(spliced_data(b'"queue": ' + b"9" * 5_000)).data.queue == "9" * 200
    assert mended(spliced_data(b'"customer_id": ' + b"9" * 5_000)).data.customer_id is None


def test_ids_may_be_numbers_as_conversation_ids_may() -> None:
    as_numbers, as_texts = event(id=4711, source=7, subject=12), event(id="4711", source="7", subject="12")
    assert accepted(as_numbers).digest == accepted(as_texts).digest
    assert accepted(as_numbers).key == accepted(as_texts).key
    assert rejected(event(id=True)).field == "id"
    assert rejected(event(id=[1])).field == "id"


# The broker's clock


def at_broker_times(*timestamps: int, time: str = "2024-03-04T10:00:00Z", since: int = 0) -> list[Event]:
    records = [Record(n, timestamp, None, event(id=str(n), time=time)) for n, timestamp in enumerate(timestamps)]
    decoded = Codec(KEY).decode(records, since)
    assert decoded.rejections == []
    return decoded.events


@pytest.mark.parametrize("unusable", [0, -1, -(2**52), -(2**63), 2**62, 2**63 - 1, 4_102_444_800_000])
def test_for_a_timestamp_that_no_broker_gives_the_logs_last_good_one_stands(unusable: int) -> None:
    # A day ahead of 10:00, the broker's last word: clamped to it.
    first, second = at_broker_times(BROKER_MS, unusable, time="2024-03-05T10:00:00Z")
    assert (second.ingested_at, second.occurred_at, second.is_clamped) == (BROKER_MS, BROKER_MS, True)
    assert second.occurred_at == first.occurred_at
    # It goes on from one batch to the next, and with it the time of a rejection.
    (only,) = at_broker_times(unusable, time="2024-03-05T10:00:00Z", since=BROKER_MS)
    assert (only.ingested_at, only.is_clamped) == (BROKER_MS, True)
    decoded = Codec(KEY).decode([Record(0, unusable, None, b"no JSON")], BROKER_MS)
    assert (decoded.rejections[0].ingested_at, decoded.broker_at) == (BROKER_MS, BROKER_MS)
    # Months ahead of it is refused, as it is with a good one.
    decoded = Codec(KEY).decode([Record(0, unusable, None, event(time="2099-01-01T00:00:00Z"))], BROKER_MS)
    assert [rejection.reason for rejection in decoded.rejections] == ["time_out_of_range"]


def test_before_the_first_good_timestamp_events_are_taken_as_they_are() -> None:
    (found,) = at_broker_times(-1)
    assert (found.ingested_at, found.occurred_at, found.is_clamped) == (0, BROKER_MS, False)


def test_a_reach_beyond_all_people_is_dropped_and_counted() -> None:
    assert accepted(message(reach=10**10)).data.reach == 10**10
    for reach in (10**10 + 1, 2**53 - 1, 2**63, 10**400):
        assert mended(message(reach=reach)).data.reach is None


# Privacy


def test_a_pseudonym_is_the_keyed_hash_of_the_id() -> None:
    found = accepted(message(customer_id="customer-8842", actor_id="agent-7"))
    assert found.customer == hashlib.blake2b(b"customer-8842", key=KEY, digest_size=11).hexdigest()
    north = hashlib.blake2b(b"north", digest_size=16).digest()
    tenants = hashlib.blake2b(b"customer-8842", key=KEY, person=north, digest_size=11).hexdigest()
    assert Codec(KEY).pseudonym("north", "customer-8842") == tenants
    assert found.actor == hashlib.blake2b(b"agent-7", key=KEY, digest_size=11).hexdigest()
    assert len(found.customer) == 22


def test_pseudonyms_are_stable_in_every_process_with_the_key_and_others_with_another() -> None:
    names = ("customer-8842", "agent-7", "ü")
    first, second, other = Codec(KEY), Codec(KEY), Codec(b"another key")
    in_order = [first.pseudonym("", name) for name in names]
    assert in_order == [second.pseudonym("", name) for name in names[::-1]][::-1]
    assert in_order[0] == first.pseudonym("", names[0]) != other.pseudonym("", names[0])
    assert len({codec.pseudonym("", name) for codec in (first, other) for name in names}) == 6


def test_an_id_names_one_person_within_its_tenant_whatever_the_source() -> None:
    ids = {"customer_id": "1", "actor_id": "1", "case_id": "1"}
    north = accepted(event(tenant="north", data=ids | {"actor_kind": "agent"}))
    south = accepted(event(tenant="south", data=ids | {"actor_kind": "agent"}))
    elsewhere = accepted(event(tenant="north", source="/phone", data=ids | {"actor_kind": "agent"}))
    nobodys = accepted(message(**ids))
    assert north.customer == elsewhere.customer
    assert len({north.customer, south.customer, nobodys.customer}) == 3
    assert (north.customer, north.customer) == (north.actor, north.case)
    # No tenant and id can be put together into those of another.
    codec = Codec(KEY)
    assert codec.pseudonym("a", "bc") != codec.pseudonym("ab", "c") != codec.pseudonym("", "abc")


def test_outside_of_data_an_event_shows_no_customer_or_agent_id() -> None:
    found = accepted(message(customer_id="customer-8842", actor_id="agent-7", case_id="case-9"))
    shown = {name: getattr(found, name) for name in Event.__struct_fields__ if name != "data"}
    assert not any(name in repr(shown) for name in ("customer-8842", "agent-7", "case-9"))


@pytest.mark.parametrize("name", sorted(WHOLE_RECORDS.keys() | ATTRIBUTES.keys() | REQUIRED.keys()))
def test_a_rejection_is_made_of_few_words(name: str) -> None:
    if name in REQUIRED:
        event_type, data, _, _ = REQUIRED[name]
        rejection = rejected(event(type=event_type, data=data))
    else:
        rejection = rejected((WHOLE_RECORDS.get(name) or ATTRIBUTES[name])[0])
    assert rejection.detail.isascii()
    assert "conv-1" not in rejection.detail
    assert "xxxxxxxxxx" not in rejection.detail


LEAKS: dict[str, bytes] = {
    "not JSON": SECRET.encode(),
    "not JSON, in quotes": b'{"text": "' + SECRET.encode() + b'", }',
    "a text": json.dumps(SECRET).encode(),
    "an array": json.dumps([SECRET]).encode(),
    "time": event(time=SECRET),
    "time beside it": event(time="2024-03-04 " + SECRET),
    "specversion": event(specversion=SECRET),
    "id": event(id=SECRET * 20),
    "subject": event(subject=SECRET * 20),
    "type": event(type=SECRET * 20),
    "data": event(data=SECRET),
    "actor kind": event(data={"actor_kind": SECRET}),
    "actor kind, an array": event(data={"actor_kind": [SECRET]}),
    "channel": event(type="conversation.opened", data={"channel": SECRET}),
    "merged into": event(type="conversation.merged", data={"into_id": [SECRET]}),
    "merged into a long id": event(type="conversation.merged", data={"into_id": SECRET * 20}),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_rejection_quotes_no_text_of_the_record(name: str) -> None:
    rejection = rejected(LEAKS[name])
    for part in ("Anna", "Schmidt", "0176", "5551234"):
        assert part not in rejection.detail + rejection.field


# Batches


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_every_kind_of_bad_record_of_the_simulation_is_rejected(name: str) -> None:
    rejected(BAD_RECORDS[name](GOOD))


def check_batch(records: list[Record]) -> None:
    """Every record comes out once, as an event or as a rejection, and both lists are in log order."""
    decoded = Codec(KEY).decode(records)
    events = [found.offset for found in decoded.events]
    rejections = [rejection.offset for rejection in decoded.rejections]
    assert events == sorted(events)
    assert rejections == sorted(rejections)
    assert sorted(events + rejections) == [record.offset for record in records]
    assert {rejection.reason for rejection in decoded.rejections} <= set(REASONS)
    for found in decoded.events:
        assert found.conversation_id
        assert 946_684_800_000 <= found.occurred_at < 4_102_444_800_000
    msgspec.json.encode([rejection.detail for rejection in decoded.rejections])


#: Any JSON, and floats and integers of any size in it.
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
likely = st.sampled_from(
    ["", "1.0", "agent", "phone", "loud", "2024-03-04T10:00:00Z", "2024-03-04T10:00:00", "12", "null", "x" * 600]
)
types = st.sampled_from(["message.created", "conversation.opened", "conversation.merged", "survey.answered"])
fields = st.dictionaries(
    st.sampled_from(["actor_kind", "channel", "into_id", "kind", "queue", "reach", "level", "due_at", "customer_id"]),
    likely | any_json,
)
near_events = st.builds(
    lambda event_type, changes, data: event(**({"type": event_type, "data": data} | changes)),
    types,
    st.dictionaries(st.sampled_from([*GOOD, "tenant"]), likely | any_json, max_size=2),
    fields,
)
values = st.none() | st.binary() | near_events | any_json.map(lambda value: json.dumps(value).encode())


@given(st.lists(st.tuples(values, st.none() | st.binary(max_size=8), st.integers(-1, 2**63 - 1)), max_size=8))
def test_no_bytes_raise_and_every_record_comes_out_once_in_order(
    batch: list[tuple[bytes | None, bytes | None, int]],
) -> None:
    # offsets with holes, as in a compacted topic
    check_batch([Record(10 + 3 * n, at, key, value) for n, (value, key, at) in enumerate(batch)])


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_good_event_with_bytes_overwritten_never_raises(at: int, bytes_written: bytes) -> None:
    whole = message(customer_id="customer-8842", queue="billing", reach=12, due_at="2024-03-04T12:00:00Z")
    at = min(at, len(whole) - 1)
    check_batch([Record(1, BROKER_MS, b"k", whole[:at] + bytes_written + whole[at + len(bytes_written) :])])
