"""The contract in machine-readable form: the JSON Schema of an event, and the AsyncAPI description of the topics.

Both are generated from the types in `streams.events`, so they agree with the codec. They are written to `docs/` by
`python -m pipeline.contract.schema`; a test fails if the committed ones are out of date.

The schema is what producers should follow. The worker accepts more, and repairs what it can
(`pipeline.contract.validation`).
"""

from pathlib import Path
from typing import Any

import msgspec
import orjson

from pipeline.contract.alerts import Alert
from pipeline.contract.validation import REASONS
from streams.events import KNOWN_TYPES, REQUIRED_FIELDS, Envelope

SCHEMA_FILE = "interaction-event.schema.json"
ASYNCAPI_FILE = "asyncapi.json"
#: The contract's own version, raised when a formerly acceptable event becomes unacceptable.
CONTRACT_VERSION = "1.0.0"
SCHEMA_ID = "urn:sichtflug:interaction-event:1"

ATTRIBUTES = {
    "specversion": "Version of CloudEvents.",
    "id": "Unique within the conversation: a second event with the same `source`, `subject` and `id` is a duplicate, "
    "which counts once.",
    "source": "The system that speaks, as a URI reference.",
    "type": "What happened. Unknown types pass: they are kept and counted as ignored.",
    "time": "When it happened at the source: RFC 3339 with offset, from 2000 to 2099 and at most 30 days ahead. "
    "Digits beyond milliseconds are cut.",
    "subject": "The conversation's id, unique within `source`. Missing or empty: the record key is taken.",
    "tenant": "Extension attribute: brand or business unit.",
    "data": "What is known about it. Unknown fields pass.",
}
FIELDS = {
    "channel": "The way of contact. The configuration maps it to sync or async and to its default visibility.",
    "visibility": "Who can read it. Missing: what the configuration says of the channel.",
    "direction": "`internal` is a note. Missing: a customer's is inbound, any other outbound.",
    "queue": "Where the work lies.",
    "tier": "Tier of the service or of the customer, as the source names it.",
    "topic": "What it is about, in a word.",
    "priority": "Priority, as the source names it.",
    "language": "Language, as the source names it.",
    "cohort": "A group of customers, such as an age band.",
    "customer_id": "The customer: one person within the tenant, whatever the source. Replaced by a keyed pseudonym on "
    "entry.",
    "actor_id": "Who did it, unique within the tenant. Replaced by a keyed pseudonym on entry.",
    "case_id": "The case that several conversations belong to, unique within the tenant. Replaced by a keyed pseudonym "
    "on entry.",
    "root_id": "The first conversation of one customer's transfer chain: opened with another root is no new contact.",
    "thread_id": "The public post that a reply or a share belongs to.",
    "into_id": "The conversation that this one was merged into.",
    "actor_kind": "Who did it: what kind of party.",
    "kind": "The kind of an escalation.",
    "level": "Number of the tier that an escalation went to.",
    "waiting_on": "Whom the conversation waits for.",
    "reach": "How many people could have seen a public post or share, at most ten billion.",
    "due_at": "When the SLA target falls due: RFC 3339 with offset. Missing: the configured target counts.",
    "clock": "The SLA clock that `due_at` belongs to.",
}
#: Known values of fields that accept others as well.
EXAMPLES = {
    "type": sorted(KNOWN_TYPES),
    "channel": [
        "phone",
        "email",
        "web_chat",
        "in_app",
        "messaging",
        "social_public",
        "social_private",
        "community",
        "self_service",
    ],
}
HEADERS = {
    "sichtflug-reason": "Why it was rejected.",
    "sichtflug-field": "Path of the field at fault, such as `data.actor_kind`; empty when the whole record is meant.",
    "sichtflug-detail": "What was expected and what came, for people. Quotes no text of the record.",
    "sichtflug-topic": "Topic the record came from.",
    "sichtflug-partition": "Its partition there, as a decimal number.",
    "sichtflug-offset": "Its offset there, as a decimal number.",
    "sichtflug-time": "Its broker timestamp there: UTC epoch milliseconds, as a decimal number.",
}
EXAMPLE = {
    "specversion": "1.0",
    "id": "evt-20240304-000117",
    "source": "/helpdesk/berlin",
    "type": "conversation.opened",
    "time": "2024-03-04T10:15:30.250+01:00",
    "subject": "conv-4711",
    "tenant": "north",
    "data": {
        "channel": "web_chat",
        "direction": "inbound",
        "queue": "billing",
        "tier": "first",
        "topic": "invoice",
        "priority": "normal",
        "language": "de",
        "cohort": "30-39",
        "customer_id": "customer-8842",
        "actor_kind": "customer",
    },
}


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one event.

    The codec accepts every event that it accepts, without loss, provided that the time is in range and that there is a
    `subject` or a record key. Times are only annotated (`format`), because most validators do not check formats.
    """
    definitions = msgspec.json.schema(Envelope)["$defs"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Interaction event",
        "description": "One thing that happened in a conversation with a customer: a CloudEvents 1.0 object in "
        "structured mode, the value of one record. Unknown types, attributes and fields pass.",
        "type": "object",
        "properties": _described(definitions["Envelope"]["properties"], ATTRIBUTES),
        "required": definitions["Envelope"]["required"],
        "additionalProperties": True,
        "allOf": [_requirement(event_type, field) for event_type, field in REQUIRED_FIELDS.items()],
        "examples": [EXAMPLE],
        "$defs": {
            "Data": {
                "title": "Data",
                "description": "Each field is optional unless the type says so; null and '' are the same as missing.",
                "type": "object",
                "properties": _described(definitions["Data"]["properties"], FIELDS),
                "additionalProperties": True,
            }
        },
    }


def _described(properties: dict[str, Any], descriptions: dict[str, str]) -> dict[str, Any]:
    """Return the properties with descriptions. Raises KeyError unless there is exactly one for each property."""
    if properties.keys() != descriptions.keys():
        raise KeyError(f"described otherwise than defined: {sorted(properties.keys() ^ descriptions.keys())}")
    described = {}
    for name, schema in properties.items():
        kept = {word: value for word, value in schema.items() if word != "default"}
        described[name] = {"description": descriptions[name], **kept}
        if name in EXAMPLES:
            described[name]["examples"] = EXAMPLES[name]
    return described


def _requirement(event_type: str, field: str) -> dict[str, Any]:
    """Return the condition that events of a type have a non-empty field of `data`."""
    return {
        "if": {"properties": {"type": {"const": event_type}}, "required": ["type"]},
        "then": {
            "properties": {
                "data": {
                    "type": "object",
                    "properties": {field: {"type": "string", "minLength": 1}},
                    "required": [field],
                }
            },
            "required": ["data"],
        },
    }


def asyncapi(topic: str = "interactions") -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the topics, from the worker's view: events in, dead letters, alerts out."""
    key = {"type": "string", "minLength": 1, "maxLength": 512, "description": "The conversation's id."}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:sichtflug:topics",
        "info": {
            "title": "Sichtflug topics",
            "version": CONTRACT_VERSION,
            "description": "Customer-interaction events in, dead letters and alerts out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "interactions": _channel(
                topic,
                "Interaction events",
                "At least once; in order within a conversation as far as the source can, in any order "
                "between conversations. The key brings a conversation's events into one partition.",
                "interactionEvent",
            ),
            "deadLetters": _channel(
                f"{topic}.dead-letter",
                "Dead letters",
                "Records that are no acceptable events: key, value and headers as they came, reason "
                "and origin in further headers. At least once: identity is the origin's topic, partition, offset.",
                "deadLetter",
            ),
            "alerts": _channel(
                "alerts",
                "Alerts",
                "Spikes that began, got worse or ended. At least once: `id` is fixed by log, series, "
                "onset and what happened. In order for one episode.",
                "alert",
            ),
        },
        "operations": {
            "receiveInteractions": _operation("receive", "interactions", "interactionEvent"),
            "sendDeadLetters": _operation("send", "deadLetters", "deadLetter"),
            "sendAlerts": _operation("send", "alerts", "alert"),
        },
        "components": {
            "messages": {
                "interactionEvent": {
                    "name": "interactionEvent",
                    "title": "Interaction event",
                    "contentType": "application/cloudevents+json",
                    "payload": {
                        "schemaFormat": "application/schema+json;version=draft-2020-12",
                        "schema": {"$ref": f"./{SCHEMA_FILE}"},
                    },
                    "bindings": _bindings(key=key),
                    "examples": [{"name": "opened", "payload": EXAMPLE}],
                },
                "deadLetter": {
                    "name": "deadLetter",
                    "title": "Dead letter",
                    "contentType": "application/octet-stream",
                    "headers": _headers(),
                    "bindings": _bindings(
                        key={"type": ["string", "null"], "description": "The key as it came, if there was one."}
                    ),
                },
                "alert": {
                    "name": "alert",
                    "title": "Alert",
                    "contentType": "application/cloudevents+json",
                    "payload": {"$ref": "#/components/schemas/Alert"},
                    "bindings": _bindings(key={"type": "string", "description": "The episode's id."}),
                },
            },
            "schemas": msgspec.json.schema_components([Alert], ref_template="#/components/schemas/{name}")[1],
        },
    }


def _channel(address: str, title: str, description: str, message: str) -> dict[str, Any]:
    """A topic with records of one kind."""
    return {
        "address": address,
        "title": title,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": _bindings(topic=address),
    }


def _operation(action: str, channel: str, message: str) -> dict[str, Any]:
    """What a worker does with the records of a channel."""
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _bindings(**of_kafka: Any) -> dict[str, Any]:
    """What is particular to Kafka, in the terms of its AsyncAPI binding."""
    return {"kafka": {**of_kafka, "bindingVersion": "0.5.0"}}


def _headers() -> dict[str, Any]:
    """Return the schema of a dead letter's headers, which are UTF-8 strings."""
    properties: dict[str, Any] = {name: {"type": "string", "description": text} for name, text in HEADERS.items()}
    properties["sichtflug-reason"]["enum"] = list(REASONS)
    for name in ("sichtflug-partition", "sichtflug-offset"):
        properties[name]["pattern"] = "^[0-9]+$"
    properties["sichtflug-time"]["pattern"] = "^-?[0-9]+$"
    return {"type": "object", "properties": properties, "required": list(HEADERS)}


def documents() -> dict[str, str]:
    """Return the documents by file name, as committed in `docs/`."""
    made = {SCHEMA_FILE: event_schema(), ASYNCAPI_FILE: asyncapi()}
    return {name: orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n" for name, document in made.items()}


def main() -> None:
    """Write the documents to `docs/` of the source tree."""
    directory = Path(__file__).resolve().parents[2] / "docs"
    for name, text in documents().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
