"""Events shifted in time: each instant by the same amount, everything else byte for byte."""

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands.shifted_events import ATTRIBUTES, DATA_FIELDS, shifted
from tests.support.records import encoded, read

SECONDS = st.integers(-(10**8), 10**8)
FRACTIONS = st.from_regex(r"(\.[0-9]{1,12})?", fullmatch=True)


@given(
    st.datetimes(datetime(2004, 1, 1), datetime(2090, 1, 1)),
    FRACTIONS,
    st.sampled_from(["Z", "+05:45", "-03:30"]),
    SECONDS,
)
def test_every_instant_of_the_contract_is_shifted_by_exactly_the_same_amount(
    moment: datetime, fraction: str, offset: str, seconds: int
) -> None:
    """`due_at` may also be a number, or a number as text. Everything else in the event is unchanged."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{offset}"
    for due_at in (text, 1_700_000_000, 1_700_000_000.5, "1700000000"):
        value = encoded(
            time=text, type="sla.target_set", data={"clock": "resolution", "due_at": due_at, "big": 10**30}, more=text
        )
        [before], [after] = read([value]), read([shifted(value, seconds)])
        assert after.occurred_at - before.occurred_at == after.due_at - before.due_at == 1000 * seconds
        moved_event = msgspec.json.decode(shifted(value, seconds))
        assert moved_event["more"] == text
        assert b"1" + b"0" * 30 in shifted(value, seconds)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # a day is 86,400 s
        ('"due_at": 1764028799.9999999', '"due_at": 1764115199.9999999'),
        ('"due_at":"1764028799.9999999"', '"due_at":"1764115199.9999999"'),
        ('"due_at" : 1.764e9', '"due_at" : 1764086400'),
        ('"due_at": "1.764e9"', '"due_at": "1764086400"'),
        ('"due_at": 17640000005e-1', '"due_at": 1764086400.5'),
        ('"\\u0064ue_at": "2025-11-24T12:00:00Z"', '"\\u0064ue_at": "2025-11-25T12:00:00Z"'),
        ('"due_at": "2025-11-24T12:00:00\\u002e5\\u005a"', '"due_at": "2025-11-25T12:00:00.5Z"'),
        (
            '"due_at": 1764000000, "due_at": "2025-11-24T12:00:00Z"',
            '"due_at": 1764086400, "due_at": "2025-11-25T12:00:00Z"',
        ),
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        ("", ""),
        ('"zz": "\\ud800"', ""),
        ("", ', "zz": ["\\ud800", {"due_at": 1764000000}], "x": "\\"due_at\\": 1", "y": 1.50'),
        (
            '"\\udfff": "\xff", "\xff" : {"time": "2025-11-24T12:00:00Z", "due_at": "2025-11-24T12:00:00Z"}',
            ', "queue" : "\\udbff"',
        ),
    ],
    ids=["alone", "a lone surrogate beside it", "a lone surrogate in its data", "bytes that are not text"],
)
def test_everything_but_instants_stays_byte_for_byte(before: str, after: str, around: tuple[str, str]) -> None:
    def written(time: str, due_at: str) -> bytes:
        beside, behind = around
        data = f'{{{due_at}{behind}, "clock": "resolution" }}'
        members = ['"specversion": "1.0","id": 1.10, "source": "/s", "subject" :"c"', '"type":"sla.target_set"', beside]
        return f'{{{",".join(filter(None, members))}, "time": "{time}" , "data":{data}}}'.encode("latin-1")

    value = written("2025-11-24T23:59:59.9999999Z", before)
    assert shifted(value, 86_400) == written("2025-11-25T23:59:59.9999999Z", after)
    assert shifted(value.replace(before.encode("latin-1"), b'"due_at": {"due_at": 1}'), 0).count(b'"due_at": 1}') == 1
    [was], [moved] = read([value]), read([shifted(value, 86_400)])
    assert moved.occurred_at - was.occurred_at == moved.due_at - was.due_at == 86_400_000


@pytest.mark.parametrize(
    "due_at",
    [
        *('"2025-11-24T12:00:00+0100"', '"0999-01-01T00:00:00Z"', '"1999-12-31T23:59:59Z"', "946684799", '"946684799"'),
        *('"2100-01-01T00:00:00Z"', "4102444800", '"9999-12-31T23:59:59Z"', '"12:00"', '""', "null", "true", "1e400"),
    ],
)
def test_an_invalid_due_at_does_not_become_valid(due_at: str) -> None:
    value = encoded(type="sla.target_set", data={"clock": "resolution", "due_at": "@"}).replace(b'"@"', due_at.encode())
    for seconds in (-86_400, 86_400):
        [moved] = read([shifted(value, seconds)])
        assert moved.due_at == 0
        assert due_at.encode() in shifted(value, seconds)


def test_the_contract_has_no_other_instants() -> None:
    assert frozenset(("time",)) == ATTRIBUTES
    assert frozenset(("due_at",)) == DATA_FIELDS
