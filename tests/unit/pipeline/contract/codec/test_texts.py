"""Texts: a lone surrogate is not a character, and a number is read as its digits as written."""

import json
from typing import Any

import pytest

from tests.support.decoding import GOOD, accepted, event, mended, message, rejected, spliced_data

HALF = b'"\\ud83d"'


def halved(name: str) -> bytes:
    """Return an event with a lone surrogate in `name`, an attribute or a field of data."""
    holder: dict[str, Any] = {"data": {"actor_kind": "agent"} | ({name: "HALF"} if name not in GOOD else {})}
    return event(**(holder if name not in GOOD else {name: "HALF"})).replace(b'"HALF"', HALF)


def test_a_lone_surrogate_in_an_unknown_field_is_ignored() -> None:
    assert mended(halved("note"), dropped=0).data.actor_kind == "agent"
    whole = event(extension="HALF", data={"actor_kind": "agent", "x": {"y": ["HALF", "a"]}}).replace(b'"HALF"', HALF)
    assert mended(whole, dropped=0).data.actor_kind == "agent"


def test_a_lone_surrogate_in_an_optional_field_drops_only_that_field() -> None:
    assert mended(halved("queue")).data.queue is None


@pytest.mark.parametrize("name", ["id", "source", "type", "time", "subject"])
def test_a_lone_surrogate_in_an_identifying_field_rejects_the_event(name: str) -> None:
    assert (rejected(halved(name)).reason, rejected(halved(name)).field) == ("not_json", name)


def test_pairs_and_escaped_backslashes_beside_a_lone_surrogate_stay() -> None:
    value = message(queue="R \U0001f680 \\ud83d", note="HALF").replace(b'"HALF"', HALF)
    assert mended(value, dropped=0).data.queue == "R \U0001f680 \\ud83d"


@pytest.mark.parametrize("text", [r"\ufdd0", r"\uFDD0", r"\\ufdd0", "\ufdd0", "\ufffd", r"\u00ff"])
def test_no_other_text_is_mistaken_for_a_lone_surrogate(text: str) -> None:
    written = f'"{text}"'
    value = message(queue="HALF", visibility="odd").replace(b'"HALF"', written.encode())
    assert mended(value).data.queue == json.loads(written)
    assert accepted(event(id="HALF", subject=4711).replace(b'"HALF"', written.encode())).id == json.loads(written)


@pytest.mark.parametrize(
    "digits", ["4711.10", "4711.1", "1700000000.12345671", "1700000000.12345672", "1e2", "1E+2", "100.0", "-0", "1e400"]
)
def test_a_number_in_place_of_a_text_is_read_as_its_digits_as_written(digits: str) -> None:
    attributes = f'"id": {digits}, "source": {digits}, "subject":  {digits} , "tenant":{digits}\n'
    data = ", ".join(f'"{name}": {digits}' for name in ("queue", "customer_id", "actor_id", "case_id", "thread_id"))
    found = accepted(
        f'{{"specversion": "1.0", "time": "2024-03-04T10:00:00Z", "type": {digits}, {attributes}, '
        f'"data": {{{data}}}}}'.encode()
    )
    assert (found.id, found.source, found.type, found.conversation_id, found.tenant) == (digits,) * 5
    names = (found.data.customer_id, found.data.actor_id, found.data.case_id)
    assert (found.data.queue, found.data.thread_id, *names) == (digits,) * 5


def test_too_many_digits_exceed_the_length_of_a_text() -> None:
    assert rejected(event(id="ID").replace(b'"ID"', b"9" * 5_000)).field == "id"
    assert mended(spliced_data(b'"queue": ' + b"9" * 5_000)).data.queue == "9" * 200
    assert mended(spliced_data(b'"customer_id": ' + b"9" * 5_000)).data.customer_id is None


def test_other_ids_may_be_numbers_like_conversation_ids() -> None:
    as_numbers, as_texts = event(id=4711, source=7, subject=12), event(id="4711", source="7", subject="12")
    assert accepted(as_numbers).digest == accepted(as_texts).digest
    assert accepted(as_numbers).key == accepted(as_texts).key
    assert rejected(event(id=True)).field == "id"
    assert rejected(event(id=[1])).field == "id"
