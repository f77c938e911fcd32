"""Whole records: a good event, values that are no event at all, and the nesting limit."""

import hashlib

import pytest

from pipeline.contract.codec import Decoded
from tests.support.decoding import BROKER_MS, accepted, brackets, decode, event, rejected, spliced_data
from tests.support.streams.rejected_values import WHOLE_RECORDS


def test_a_good_event_has_its_position_and_its_fields() -> None:
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


@pytest.mark.parametrize("name", WHOLE_RECORDS)
def test_a_value_that_is_not_an_event_is_rejected(name: str) -> None:
    value, reason = WHOLE_RECORDS[name]
    rejection = rejected(value)
    assert (rejection.reason, rejection.field) == (reason, "")


def test_the_largest_value_is_accepted() -> None:
    accepted(event() + b" " * ((1 << 20) - len(event())))


def test_nesting_is_limited_by_its_depth_alone() -> None:
    # the event itself is one level, data a second: 2 + 498 = 500
    accepted(spliced_data(b'"deep": ' + brackets(498)))
    assert rejected(spliced_data(b'"deep": ' + brackets(499))).reason == "too_large"
    accepted(spliced_data(b'"flat": [' + b"[]," * 5_000 + b"[]]"))
    accepted(spliced_data(b'"text": "\\"' + b"[" * 5_000 + b'"'))


def test_the_nesting_limit_is_the_same_on_a_deep_stack() -> None:
    def below(levels: int) -> Decoded:
        return below(levels - 1) if levels else decode(spliced_data(b'"deep": ' + brackets(498)))

    assert below(300).rejections == []
