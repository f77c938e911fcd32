"""The documents of the contract are current and agree with the codec."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pipeline.contract.codec import Codec, Decoded
from pipeline.contract.schema import EXAMPLE, HEADERS, asyncapi, documents, event_schema
from pipeline.contract.validation import REASONS
from streams.events import KNOWN_TYPES, REQUIRED_FIELDS
from tests.support.decoding import BROKER_MS, Record

ROOT = Path(__file__).resolve().parents[4]
VALIDATOR = Draft202012Validator(event_schema())


def decode(*values: bytes, timestamp: int = BROKER_MS) -> Decoded:
    return Codec(b"key").decode([Record(n, timestamp, b"conv-1", value) for n, value in enumerate(values)])


def changed(**changes: Any) -> dict[str, Any]:
    return EXAMPLE | changes


# The committed documents


@pytest.mark.parametrize("name", sorted(documents()))
def test_a_committed_document_equals_the_one_generated_from_the_types(name: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert committed == documents()[name], "run python -m pipeline.contract"


def test_the_schema_is_a_valid_json_schema() -> None:
    Draft202012Validator.check_schema(event_schema())


def test_the_page_for_producers_shows_the_example_and_names_every_field_and_type() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert json.loads(page.partition("```json\n")[2].partition("```")[0]) == EXAMPLE
    schema = event_schema()
    for name in (*schema["properties"], *schema["$defs"]["Data"]["properties"]):
        assert f"`{name}`" in page
    for event_type in KNOWN_TYPES:
        # `conversation.resolved`, `.closed`: the page names the second by its last part
        assert f"`{event_type}`" in page or f"`.{event_type.partition('.')[2]}`" in page


def test_the_page_of_dead_letters_explains_every_reason_and_header() -> None:
    page = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip().strip("`") for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row in REASONS] == list(REASONS)
    for header in HEADERS:
        assert f"`{header}`" in page


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    document = asyncapi()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    found = references(document)
    assert len(found) >= 6
    for reference in found:
        if reference.startswith("#/"):
            target: Any = document
            for part in reference[2:].split("/"):
                target = target[part]
        else:
            assert (ROOT / "docs" / reference).is_file()
    assert document["channels"]["deadLetters"]["address"] == "interactions.dead-letter"
    assert asyncapi("calls")["channels"]["deadLetters"]["address"] == "calls.dead-letter"


# Agreement with the codec


@pytest.mark.parametrize(
    "event",
    [
        EXAMPLE,
        changed(type="survey.answered", data={"score": 5}),
        changed(type="conversation.resolved", data=None),
        {name: value for name, value in EXAMPLE.items() if name not in ("subject", "tenant")},
        changed(traceparent="00-4bf9", datacontenttype="application/json"),
        changed(data={"channel": "fax", "visibility": None, "queue": "", "unknown": [1]}),
        changed(type="conversation.merged", data={"into_id": "conv-2"}),
        changed(type="conversation.escalated", data={"kind": "functional", "level": 2}),
    ],
)
def test_good_events_validate_and_decode_without_loss(event: dict[str, Any]) -> None:
    VALIDATOR.validate(event)
    decoded = decode(json.dumps(event).encode())
    assert (len(decoded.events), decoded.dropped_fields) == (1, 0)


@pytest.mark.parametrize(
    "event",
    [
        [EXAMPLE],
        *({k: v for k, v in EXAMPLE.items() if k != name} for name in ("specversion", "id", "source", "type", "time")),
        changed(specversion="0.3"),
        changed(id=""),
        changed(id=[5]),
        changed(source="x" * 513),
        changed(subject="x" * 513),
        changed(time=1_709_546_400),
        changed(data="opened"),
        changed(data=None),
        changed(data={}),
        changed(data={"channel": ""}),
        changed(data={"channel": None}),
        changed(data={"channel": "Fax Machine"}),
        changed(type="message.created", data={"actor_kind": "robot"}),
        changed(type="message.created", data={"channel": "phone"}),
        changed(type="conversation.escalated", data={"level": 1}),
        changed(type="conversation.merged", data={"into_id": ""}),
    ],
)
def test_bad_events_neither_validate_nor_decode(event: Any) -> None:
    assert not VALIDATOR.is_valid(event)
    assert len(decode(json.dumps(event).encode()).rejections) == 1


@pytest.mark.parametrize("data", [{"reach": -1}, {"level": 256}, {"visibility": "odd"}, {"queue": "q" * 201}])
def test_values_that_the_worker_mends_do_not_validate(data: dict[str, Any]) -> None:
    event = changed(type="conversation.queued", data=data)
    assert not VALIDATOR.is_valid(event)
    decoded = decode(json.dumps(event).encode())
    assert (len(decoded.events), decoded.dropped_fields) == (1, 1)


texts = st.none() | st.text(max_size=8) | st.sampled_from(["x" * 200, "x" * 201, "x" * 512, "x" * 513])
any_value = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
field_values: dict[str, st.SearchStrategy[Any]] = {
    "channel": st.sampled_from(["phone", "fax", "", "Fax", "x" * 33]) | any_value,
    "visibility": st.sampled_from(["public", "odd", ""]) | any_value,
    "actor_kind": st.sampled_from(["customer", "robot", ""]) | any_value,
    "kind": st.sampled_from(["handoff", "loud", ""]) | any_value,
    "into_id": any_value,
    "customer_id": any_value,
    "queue": any_value,
    "level": st.integers(-1, 256) | any_value,
    "reach": st.sampled_from([0, 10**10, 10**10 + 1, 2**53, -1]) | any_value,
    "unknown": any_value,
}
good_times = st.datetimes(datetime(2000, 1, 2), datetime(2024, 3, 4), timezones=st.just(UTC)).map(datetime.isoformat)
envelopes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "specversion": st.sampled_from(["1.0", "1.0", "1.0", "0.3"]),
        "id": st.sampled_from(["1", "1", "", "x" * 513]) | st.text(min_size=1, max_size=5),
        "source": st.sampled_from(["/helpdesk", "/helpdesk", ""]),
        "type": st.sampled_from(sorted(KNOWN_TYPES)) | st.sampled_from(sorted(REQUIRED_FIELDS)) | st.just("x.y"),
        "time": good_times,
    },
    optional={
        "subject": texts,
        "tenant": texts,
        "data": st.none() | st.fixed_dictionaries({}, optional=field_values) | st.just([]),
        "extension": any_value,
    },
)


@given(envelopes)
def test_the_codec_accepts_unchanged_what_the_schema_accepts(event: dict[str, Any]) -> None:
    # if the time is in range and there is a key; conversely, the codec mends some invalid events
    decoded = decode(json.dumps(event).encode())
    assert len(decoded.events) + len(decoded.rejections) == 1
    is_whole = len(decoded.events) == 1 and decoded.dropped_fields == 0
    assert is_whole or not VALIDATOR.is_valid(event)


# Events from other libraries and sources


@pytest.mark.parametrize("event_type", sorted(KNOWN_TYPES))
def test_events_made_with_the_cloudevents_library_decode(event_type: str) -> None:
    attributes = {
        "specversion": "1.0",
        "id": "evt-1",
        "source": "/helpdesk",
        "type": event_type,
        "time": datetime(2024, 3, 4, 10, tzinfo=UTC),
        "subject": "conv-1",
        "datacontenttype": "application/json",
        "tenant": "north",
    }
    fields = {"channel": "phone", "actor_kind": "agent", "kind": "handoff", "into_id": "conv-2"}
    message = to_structured(CloudEvent(attributes=attributes, data=fields), JSONFormat())
    decoded = decode(message.value)
    assert (decoded.rejections, decoded.dropped_fields) == ([], 0)
    event = decoded.events[0]
    assert (event.type, event.occurred_at, event.conversation_id, event.tenant) == (
        event_type,
        BROKER_MS,
        "conv-1",
        "north",
    )
    assert (event.data.channel, event.data.kind, event.data.into_id) == ("phone", "handoff", "conv-2")
    VALIDATOR.validate(json.loads(message.value))


def test_every_recorded_incident_decodes_without_loss_and_a_sample_validates(incidents: Path) -> None:
    lines = gzip.decompress(incidents.read_bytes()).splitlines()
    decoded = decode(*lines)
    assert (len(decoded.events), decoded.rejections, decoded.dropped_fields) == (len(lines), [], 0)
    for line in lines[:: len(lines) // 500]:
        VALIDATOR.validate(json.loads(line))
