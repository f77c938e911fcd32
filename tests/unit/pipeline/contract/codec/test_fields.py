"""Fields of data: invalid required ones reject the event, invalid optional ones are dropped and counted."""

from typing import Any

import pytest

from pipeline.contract.validation import FIELD_TYPES
from tests.support.decoding import accepted, decode, event, mended, message, rejected, spliced_data, without
from tests.support.streams.rejected_values import REQUIRED


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_outside_the_contract_rejects_the_event(name: str) -> None:
    event_type, data, reason, field = REQUIRED[name]
    rejection = rejected(event(type=event_type, data=data))
    assert (rejection.reason, rejection.field) == (reason, field)


@pytest.mark.parametrize("data", [None, {}])
def test_a_type_with_a_required_field_needs_data(data: dict[str, Any] | None) -> None:
    assert rejected(event(data=data)).field == "data.actor_kind"
    assert rejected(without("data")).field == "data.actor_kind"


def test_the_rejection_of_an_enumeration_names_the_expected_and_the_actual_value() -> None:
    detail = rejected(event(data={"actor_kind": "robot"})).detail
    assert detail == "expected one of customer, peer, agent, bot, system, got 'robot'"


DROPPED: dict[str, tuple[str, Any]] = {
    "enumeration outside its values": ("visibility", "secret"),
    "enumeration of another kind": ("direction", 1),
    "channel that is not a name": ("channel", "Fax Machine"),
    "boolean in place of a text": ("queue", True),
    "object in place of a text": ("topic", {"a": 1}),
    "fraction in place of a count": ("reach", 1.5),
    "boolean in place of a count": ("reach", True),
    "negative count": ("reach", -1),
    "count too large": ("reach", 10**10 + 1),
    "count of 30 digits": ("reach", 10**30),
    "level too high": ("level", 256),
    "due_at without an offset": ("due_at", "2024-03-04T12:00:00"),
    "due_at whose offset has no colon": ("due_at", "2024-03-04T12:00:00+0530"),
    "due_at whose half-hour offset has no colon": ("due_at", "2024-03-04T12:00:00-0030"),
    "due_at that is not a time": ("due_at", "tomorrow"),
    "due_at beyond any instant": ("due_at", 1e300),
    "due_at of a billion digits": ("due_at", "1e999999999"),
    "due_at after the year 9999": ("due_at", 253_402_300_800),
    "due_at before the year 1": ("due_at", -62_135_596_801),
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


def test_numbers_as_text_and_texts_as_numbers_are_converted() -> None:
    data = accepted(message(reach="12", level="2", priority=3, customer_id=4711, queue=1.5)).data
    assert (data.reach, data.level, data.priority, data.customer_id, data.queue) == (12, 2, "3", "4711", "1.5")
    assert accepted(event(tenant=7, subject=8)).tenant == "7"


def test_null_fields_count_as_missing() -> None:
    fields = dict.fromkeys(("channel", "queue", "customer_id", "level", "reach", "due_at", "clock"))
    found = accepted(event(subject="conv-1", tenant=None, data=fields | {"actor_kind": "bot"}))
    assert (found.data.queue, found.data.reach, found.customer, found.due_at, found.tenant) == (None, None, "", 0, "")


def test_empty_fields_count_as_missing() -> None:
    found = accepted(event(tenant="", data=dict.fromkeys(FIELD_TYPES, "") | {"actor_kind": "bot"}))
    assert (found.data.queue or None, found.data.reach, found.customer, found.due_at) == (None, None, "", 0)
    assert (found.data.kind or None, found.data.level, found.data.waiting_on or None) == (None, None, None)


def test_short_texts_are_truncated_and_counted() -> None:
    assert accepted(message(queue="q" * 200)).data.queue == "q" * 200
    assert mended(message(queue="q" * 201)).data.queue == "q" * 200
    assert mended(event(tenant="t" * 201)).tenant == "t" * 200


@pytest.mark.parametrize("field", ["customer_id", "actor_id", "case_id", "root_id", "thread_id", "into_id"])
def test_an_identifier_is_never_truncated(field: str) -> None:
    # 300 characters are allowed; the invalid visibility forces the slow path
    long = "x" * 300
    assert getattr(mended(message(visibility="odd", **{field: long})).data, field) == long
    assert getattr(mended(message(**{field: "x" * 513})).data, field) is None


@pytest.mark.parametrize("due_at", ["9999-12-31T23:59:59-12:00", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"])
def test_a_due_at_beyond_the_calendar_is_ignored(due_at: str) -> None:
    assert accepted(message(due_at=due_at)).due_at == 0


def test_a_reach_beyond_the_world_population_is_dropped_and_counted() -> None:
    assert accepted(message(reach=10**10)).data.reach == 10**10
    for reach in (10**10 + 1, 2**53 - 1, 2**63, 10**400):
        assert mended(message(reach=reach)).data.reach is None
