"""Batches of any bytes: every record is returned once and in order."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract.codec import Codec
from pipeline.contract.validation import REASONS
from pipeline.simulation.bad_records import BAD_RECORDS
from tests.support.decoding import BROKER_MS, GOOD, KEY, Record, event, message, rejected


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_every_kind_of_bad_record_of_the_simulation_is_rejected(name: str) -> None:
    rejected(BAD_RECORDS[name](GOOD))


def check_batch(records: list[Record]) -> None:
    """Assert that every record is returned once, as an event or a rejection, and both lists are in log order."""
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


#: Any JSON, including floats and integers of any size.
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
def test_no_bytes_raise_and_every_record_is_returned_once_in_order(
    batch: list[tuple[bytes | None, bytes | None, int]],
) -> None:
    # offsets with holes, as in a compacted topic
    check_batch([Record(10 + 3 * n, at, key, value) for n, (value, key, at) in enumerate(batch)])


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_good_event_with_bytes_overwritten_never_raises(at: int, bytes_written: bytes) -> None:
    whole = message(customer_id="customer-8842", queue="billing", reach=12, due_at="2024-03-04T12:00:00Z")
    at = min(at, len(whole) - 1)
    check_batch([Record(1, BROKER_MS, b"k", whole[:at] + bytes_written + whole[at + len(bytes_written) :])])
