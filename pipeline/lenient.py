"""The slow way through validation, for records that do not decode as they should.

Either it finds an acceptable event, without the optional fields that are of a wrong kind, or it raises a `Fault` that
says what was expected, what came, and in which field.
"""

from datetime import datetime
from typing import Annotated, Any, get_args, get_origin

import msgspec

from streams.events import Data, Envelope

#: Reasons of dead letters, as documented in `docs/dead-letters.md`.
REASONS = (
    "tombstone",
    "too_large",
    "not_json",
    "not_an_object",
    "missing_field",
    "invalid_value",
    "time_without_offset",
    "time_out_of_range",
)

REQUIRED_ATTRIBUTES = ("specversion", "id", "source", "type", "time")
#: A value outside these enumerations is a fault of the event where its type requires the field.
REQUIRED_ENUMERATIONS = {
    "message.created": "actor_kind",
    "conversation.escalated": "kind",
    "conversation.opened": "channel",
}
TEXT_LIMIT = 200


class Fault(Exception):  # noqa: N818  (a fault of the record, not an error of ours)
    """Why a record is not an acceptable event."""

    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.field = field
        self.detail = detail


def decode_leniently(value: bytes) -> tuple[Envelope, int]:
    """The event and the number of optional fields that had to be dropped. Raises Fault."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Fault("not_json", "", f"expected JSON, got {value[:40]!r}: {error}") from None
    if not isinstance(found, dict):
        raise Fault("not_an_object", "", f"expected a JSON object, got {_kind(found)}")
    for name in REQUIRED_ATTRIBUTES:
        _require(found, name)
    attributes = {name: found[name] for name in REQUIRED_ATTRIBUTES}
    dropped = 0
    for name in ("subject", "tenant"):
        given = found.get(name)
        if isinstance(given, str | int) and not isinstance(given, bool):
            attributes[name] = str(given)
        elif given is not None:
            dropped += 1
    if len(attributes.get("subject", "")) > 512:
        raise Fault("invalid_value", "subject", "expected at most 512 characters")
    if len(attributes.get("tenant", "")) > TEXT_LIMIT:
        attributes["tenant"] = attributes["tenant"][:TEXT_LIMIT]
        dropped += 1
    data, dropped_data = _data(found.get("data"), attributes["type"])
    try:
        return msgspec.convert({**attributes, "data": data}, Envelope), dropped + dropped_data
    except msgspec.ValidationError as error:
        raise Fault("invalid_value", str(error).rpartition("$.")[2].rstrip("`"), str(error)) from None


def _require(found: dict[str, Any], name: str) -> None:
    given = found.get(name)
    if given is None or given == "":
        raise Fault("missing_field", name, f"expected the attribute {name}, got none")
    if not isinstance(given, str):
        raise Fault("invalid_value", name, f"expected {name} as text, got {_kind(given)}")
    if name == "specversion" and given != "1.0":
        raise Fault("invalid_value", name, f"expected CloudEvents 1.0, got {given[:20]!r}")
    if name != "time":
        if len(given) > 512:
            raise Fault("invalid_value", name, f"expected at most 512 characters, got {len(given)}")
        return
    try:
        moment = msgspec.convert(given, datetime)
    except msgspec.ValidationError:
        raise Fault("invalid_value", "time", f"expected an RFC 3339 time, got {given[:40]!r}") from None
    if moment.tzinfo is None:
        raise Fault("time_without_offset", "time", f"expected a time with offset, got {given[:40]!r}")


def _data(given: Any, event_type: str) -> tuple[dict[str, Any], int]:
    """The fields of `data` that are of the right kind, and how many were not."""
    if given is None:
        return {}, 0
    if not isinstance(given, dict):
        raise Fault("invalid_value", "data", f"expected data as a JSON object, got {_kind(given)}")
    kept: dict[str, Any] = {}
    dropped = 0
    required = REQUIRED_ENUMERATIONS.get(event_type)
    for name in FIELD_TYPES:
        value = given.get(name)
        if value is None:
            continue
        try:
            kept[name] = _convert(name, value)
        except msgspec.ValidationError as error:
            if name == required:
                raise Fault("invalid_value", f"data.{name}", f"data.{name}: {error}, got {value!r:.40}") from None
            dropped += 1
    return kept, dropped


def _convert(name: str, value: Any) -> Any:
    """Numbers given as text and texts given as numbers are what they look like; long texts are cut."""
    if name in TEXT_FIELDS:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            value = value[:TEXT_LIMIT]
    return msgspec.to_builtins(msgspec.convert(value, FIELD_TYPES[name], strict=False))


def _is_text(field_type: Any) -> bool:
    inner = get_args(field_type)[0]
    return get_origin(inner) is Annotated and get_args(inner)[0] is str


FIELD_TYPES: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Data)}
TEXT_FIELDS = frozenset(name for name, kind in FIELD_TYPES.items() if name != "channel" and _is_text(kind))


def _kind(value: Any) -> str:
    """JSON's name of a value's type."""
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
