"""Privacy: people are replaced by keyed pseudonyms, and rejections quote nothing from the record."""

import hashlib
import json

import pytest

from pipeline.contract.codec import Codec
from streams.events import Event
from tests.support.decoding import KEY, SECRET, accepted, event, message, rejected
from tests.support.streams.rejected_values import ATTRIBUTES, REQUIRED, WHOLE_RECORDS


def test_a_pseudonym_is_the_keyed_hash_of_the_id() -> None:
    found = accepted(message(customer_id="customer-8842", actor_id="agent-7"))
    assert found.customer == hashlib.blake2b(b"customer-8842", key=KEY, digest_size=11).hexdigest()
    north = hashlib.blake2b(b"north", digest_size=16).digest()
    tenants = hashlib.blake2b(b"customer-8842", key=KEY, person=north, digest_size=11).hexdigest()
    assert Codec(KEY).pseudonym("north", "customer-8842") == tenants
    assert found.actor == hashlib.blake2b(b"agent-7", key=KEY, digest_size=11).hexdigest()
    assert len(found.customer) == 22


def test_pseudonyms_depend_only_on_id_and_key_in_every_process() -> None:
    names = ("customer-8842", "agent-7", "ü")
    first, second, other = Codec(KEY), Codec(KEY), Codec(b"another key")
    in_order = [first.pseudonym("", name) for name in names]
    assert in_order == [second.pseudonym("", name) for name in names[::-1]][::-1]
    assert in_order[0] == first.pseudonym("", names[0]) != other.pseudonym("", names[0])
    assert len({codec.pseudonym("", name) for codec in (first, other) for name in names}) == 6


def test_an_id_is_one_person_within_its_tenant_whatever_the_source() -> None:
    ids = {"customer_id": "1", "actor_id": "1", "case_id": "1"}
    north = accepted(event(tenant="north", data=ids | {"actor_kind": "agent"}))
    south = accepted(event(tenant="south", data=ids | {"actor_kind": "agent"}))
    elsewhere = accepted(event(tenant="north", source="/phone", data=ids | {"actor_kind": "agent"}))
    nobodys = accepted(message(**ids))
    assert north.customer == elsewhere.customer
    assert len({north.customer, south.customer, nobodys.customer}) == 3
    assert (north.customer, north.customer) == (north.actor, north.case)
    # No concatenation of tenant and id equals that of another pair.
    codec = Codec(KEY)
    assert codec.pseudonym("a", "bc") != codec.pseudonym("ab", "c") != codec.pseudonym("", "abc")


def test_an_event_contains_no_plain_customer_or_agent_id() -> None:
    found = accepted(message(customer_id="customer-8842", actor_id="agent-7", case_id="case-9"))
    shown = {name: getattr(found, name) for name in Event.__struct_fields__ if name != "data"}
    assert not any(name in repr(shown) for name in ("customer-8842", "agent-7", "case-9"))


@pytest.mark.parametrize("name", sorted(WHOLE_RECORDS.keys() | ATTRIBUTES.keys() | REQUIRED.keys()))
def test_a_rejection_uses_a_fixed_vocabulary(name: str) -> None:
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
