"""Attributes of an event: required ones, bounds, and values that pass because they are not read."""

import pytest

from tests.support.decoding import (
    BROKER_MS,
    accepted,
    decode,
    event,
    mended,
    message,
    rejected,
    spliced,
    spliced_data,
    without,
)
from tests.support.streams.rejected_values import ATTRIBUTES


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_outside_the_contract_rejects_the_event(name: str) -> None:
    value, reason, field = ATTRIBUTES[name]
    rejection = rejected(value)
    assert (rejection.reason, rejection.field) == (reason, field)


@pytest.mark.parametrize("timestamp", [-1, 0])
def test_without_a_broker_time_the_end_of_the_calendar_still_applies(timestamp: int) -> None:
    late = decode(event(time="2100-01-01T00:00:00Z"), timestamp=timestamp)
    assert [(rejection.reason, rejection.ingested_at) for rejection in late.rejections] == [("time_out_of_range", 0)]
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


def test_the_utc_offset_of_a_time_is_applied() -> None:
    assert accepted(event(time="2024-03-04T15:30:00.250+05:30")).occurred_at == BROKER_MS + 250


def test_the_key_replaces_a_missing_subject() -> None:
    assert accepted(without("subject"), key="conv-ü".encode()).conversation_id == "conv-ü"
    assert accepted(event(subject=""), key=b"conv-9").conversation_id == "conv-9"
    assert accepted(event(subject=None), key=b"conv-9").conversation_id == "conv-9"
    assert accepted(event(subject="conv-1"), key=b"conv-9").conversation_id == "conv-1"
    assert accepted(event(subject=4711), key=b"conv-9").conversation_id == "4711"


@pytest.mark.parametrize("key", [None, b""])
def test_an_event_without_subject_and_key_is_rejected(key: bytes | None) -> None:
    rejection = rejected(without("subject"), key=key)
    assert (rejection.reason, rejection.field) == ("missing_field", "subject")


@pytest.mark.parametrize("key", [b"\xff\xfe", b"x" * 513])
def test_a_key_that_cannot_be_a_subject_rejects_the_event(key: bytes) -> None:
    rejection = rejected(without("subject"), key=key)
    assert (rejection.reason, rejection.field) == ("invalid_value", "subject")


# Passes because it is not read


UNKNOWN: dict[str, bytes] = {
    "unknown attribute": event(traceparent="00-4bf9", comexampleextension={"a": [1]}),
    "unknown field": message(sentiment=0.7, tags=["a"]),
    "huge integer": spliced_data(b'"n": ' + b"9" * 5_000),
    "number out of range": spliced(b'"n": 1e400'),
    "invalid UTF-8": spliced(b'"text": "\xff"'),
    "invalid UTF-8 in a name": spliced(b'"\xff": 1'),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_attributes_the_contract_does_not_name_pass(name: str) -> None:
    accepted(UNKNOWN[name])


@pytest.mark.parametrize("name", UNKNOWN)
def test_unnamed_attributes_pass_even_beside_a_dropped_field(name: str) -> None:
    assert mended(UNKNOWN[name].replace(b'"agent"', b'"agent", "visibility": "odd"')).data.visibility is None


def test_an_unknown_type_passes_whatever_its_data_is() -> None:
    assert accepted(event(type="survey.answered", data={"score": 5})).type == "survey.answered"
    assert accepted(event(type="conversation.snoozed", data=None)).type == "conversation.snoozed"
    assert mended(event(type="survey.answered", data="five")).type == "survey.answered"
    assert mended(event(type="survey.answered", data=[5])).data.channel is None


def test_an_unknown_channel_passes() -> None:
    assert accepted(event(type="conversation.opened", data={"channel": "fax"})).data.channel == "fax"
