"""The slow path of validation, for records that fail the typed decode.

It either returns an acceptable event without its invalid optional fields, or raises an `InvalidRecordError` that says
what was expected, what was found, and in which field. The error never quotes text that a person may have written: only
times, versions, and words in place of an enumeration's value.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from pipeline.contract.instants import check_offset, cut_fraction, of_seconds
from streams.events import KNOWN_TYPES, REQUIRED_FIELDS, Data, Envelope

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
    "unreadable",
    "skipped",
)

REQUIRED_ATTRIBUTES = ("specversion", "id", "source", "type", "time")
IDENTIFIERS = frozenset(("id", "source", "type"))
TEXT_LIMIT = 200
IDENTIFIER_LIMIT = 512
#: Levels of brackets. Far below Python's recursion limit, so that the result does not depend on the caller's stack.
MAX_NESTING = 500

#: An escape in a JSON string. The group matches half a surrogate pair, which does not encode a character.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
#: Replaces half a surrogate pair: a byte that is invalid in UTF-8, so that the string fails to decode.
_NO_CHARACTER = b"\xff"
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
NUMBER_BEGINS = tuple(b"%c" % byte for byte in b"-0123456789")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_TIME_LIKE = re.compile(r"\d{4}-\d\d-\d\d[0-9TtZz:+. -]{0,30}", re.ASCII)
_VERSION = re.compile(r"[0-9.]{1,8}", re.ASCII)


class InvalidRecordError(Exception):
    """A record is not an acceptable event, for one of `REASONS`."""

    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.field = field
        self.detail = detail


def check_nesting(value: bytes) -> None:
    """Raise InvalidRecordError for more than `MAX_NESTING` levels of brackets outside strings."""
    if value.count(b"[") + value.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    for byte in _STRING.sub(b"", value).translate(None, _NOT_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        if depth > MAX_NESTING:
            raise InvalidRecordError("too_large", "", f"expected at most {MAX_NESTING} levels of nesting, got more")


def decode_leniently(value: bytes) -> tuple[Envelope, int]:
    """Return the event and the number of optional fields dropped or cut. Raises InvalidRecordError.

    Each field of the contract is decoded on its own; unknown fields are ignored, as on the fast path, whatever their
    content.
    """
    try:
        raw = _attributes(_readable(value))
    except msgspec.ValidationError:
        raise _not_an_object(value) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(error) from None
    attributes = {name: _required(name, getattr(raw, name)) for name in REQUIRED_ATTRIBUTES}
    dropped = 0
    for name in ("subject", "tenant"):
        given = _text(getattr(raw, name))
        if isinstance(given, str):
            attributes[name] = given
        elif name == "subject" and isinstance(given, _Unreadable):  # the record key may be another conversation
            raise InvalidRecordError(given.reason, name, f"expected a text, got {_kind(given)}")
        elif given is not None:
            dropped += 1
    if len(attributes.get("subject", "")) > IDENTIFIER_LIMIT:
        raise InvalidRecordError("invalid_value", "subject", f"expected at most {IDENTIFIER_LIMIT} characters")
    if len(attributes.get("tenant", "")) > TEXT_LIMIT:
        attributes["tenant"] = attributes["tenant"][:TEXT_LIMIT]
        dropped += 1
    data, dropped_data = _data(raw.data, attributes["type"])  # type: ignore[attr-defined]  # a struct made below
    return msgspec.convert({**attributes, "data": data}, Envelope), dropped + dropped_data


def subject(value: bytes) -> str:
    """Return the subject of a record that may not be an event; '' if it has none."""
    try:
        check_nesting(value)
        text = _text(_attributes(_readable(value)).subject)  # type: ignore[attr-defined]  # a struct made below
    except (InvalidRecordError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""


def _not_json(error: Exception) -> InvalidRecordError:
    """Return the error for invalid JSON. The parser's message gives a byte's position, never the text around it."""
    return InvalidRecordError("not_json", "", f"expected JSON: {error}")


def _not_an_object(value: bytes) -> InvalidRecordError:
    try:
        raw = bytes(msgspec.json.decode(value, type=msgspec.Raw)).strip()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _not_json(error)
    kinds = {b"[": "an array", b'"': "a text", b"t": "a boolean", b"f": "a boolean", b"n": "null"}
    return InvalidRecordError("not_an_object", "", f"expected a JSON object, got {kinds.get(raw[:1], 'a number')}")


class _Unreadable:
    """A placeholder for a value that cannot be decoded.

    `reason` is `not_json` for bytes that are not UTF-8 and for half a surrogate pair, `invalid_value` for valid JSON
    such as thousands of digits.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _readable(value: bytes) -> bytes:
    """Return the value with half surrogate pairs replaced, so that only the strings with them fail to decode."""
    if b"\\u" not in value:
        return value
    return _ESCAPE.sub(lambda match: match[0] if match[1] is None else _NO_CHARACTER, value)


def _text(raw: msgspec.Raw) -> Any:
    """Return the value of a string field. A number becomes its digits as written."""
    written = bytes(raw).strip()
    return written.decode() if written[:1] in NUMBER_BEGINS else _value(raw)


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except UnicodeDecodeError:
        return _Unreadable("not_json")
    except (msgspec.DecodeError, RecursionError):
        return _Unreadable("invalid_value")


def _required(name: str, raw: msgspec.Raw) -> str:
    """Return the text of a required attribute. Raises InvalidRecordError."""
    given = _text(raw) if name in IDENTIFIERS else _value(raw)
    if given is None or given == "":
        raise InvalidRecordError("missing_field", name, f"expected the attribute {name}, got none")
    if not isinstance(given, str):
        reason = given.reason if isinstance(given, _Unreadable) else "invalid_value"
        raise InvalidRecordError(reason, name, f"expected {name} as text, got {_kind(given)}")
    if name == "specversion" and given != "1.0":
        raise InvalidRecordError("invalid_value", name, f"expected CloudEvents 1.0, got {_shown(given, _VERSION)}")
    if name != "time":
        if len(given) > IDENTIFIER_LIMIT:
            raise InvalidRecordError(
                "invalid_value", name, f"expected at most {IDENTIFIER_LIMIT} characters, got {len(given)}"
            )
        return given
    given = cut_fraction(given)
    try:
        moment = _instant(given)
    except msgspec.ValidationError:
        raise InvalidRecordError(
            "invalid_value", "time", f"expected an RFC 3339 time, got {_shown(given, _TIME_LIKE)}"
        ) from None
    if moment.tzinfo is None:
        raise InvalidRecordError(
            "time_without_offset", "time", f"expected a time with offset, got {_shown(given, _TIME_LIKE)}"
        )
    return given


def _instant(text: str) -> datetime:
    """Return the instant of an RFC 3339 text. Raises msgspec.ValidationError."""
    check_offset(text)
    return msgspec.convert(text, datetime)


def _data(raw: msgspec.Raw, event_type: str) -> tuple[dict[str, Any], int]:
    """Return the valid fields of `data`, and the number of fields dropped or cut. Raises InvalidRecordError."""
    if bytes(raw) == b"null":
        return {}, 0
    try:
        given = _fields(raw)
    except msgspec.ValidationError:
        if event_type not in KNOWN_TYPES:  # the contract does not define data of unknown types
            return {}, 1
        got = _kind(_value(raw))
        raise InvalidRecordError("invalid_value", "data", f"expected data as a JSON object, got {got}") from None
    kept: dict[str, Any] = {}
    dropped = 0
    required = REQUIRED_FIELDS.get(event_type)
    for name in FIELD_TYPES:
        raw = getattr(given, name)
        value = _text(raw) if name in TEXT_FIELDS or name == "due_at" else _value(raw)
        if value is None or value == "":
            continue
        try:
            kept[name], is_cut = _convert(name, value)
            dropped += is_cut
        except msgspec.ValidationError:
            if name == required:
                got = _kind(value) if name in TEXT_FIELDS else _shown(value, _WORD)
                reason = value.reason if isinstance(value, _Unreadable) else "invalid_value"
                raise InvalidRecordError(reason, f"data.{name}", f"expected {_expected(name)}, got {got}") from None
            dropped += 1
    return kept, dropped


def _convert(name: str, value: Any) -> tuple[Any, bool]:
    """Return the converted value, and whether it was cut. Strings are accepted for numbers.

    Short texts are cut to their limit. Identifiers are not, since the rest could be another identifier. Raises
    msgspec.ValidationError.
    """
    is_cut = False
    if name == "due_at" and isinstance(value, str):
        value = of_seconds(value) or _instant(cut_fraction(value))
    if name in SHORT_TEXTS and isinstance(value, str):
        is_cut = len(value) > TEXT_LIMIT
        value = value[:TEXT_LIMIT]
    return msgspec.to_builtins(msgspec.convert(value, FIELD_TYPES[name], strict=False)), is_cut


def _expected(name: str) -> str:
    """Return a description of the values that a required field of `data` accepts."""
    inner = get_args(FIELD_TYPES[name])[0]
    if get_origin(inner) is Literal:
        return "one of " + ", ".join(value for value in get_args(inner) if value)
    if name in TEXT_FIELDS:
        return f"a text of at most {_max_length(name)} characters"
    return "1 to 32 of the characters a-z, 0-9 and _"


def _max_length(name: str) -> int | None:
    """Return the maximum length of a text field; None for other fields and those limited by a pattern."""
    inner = get_args(FIELD_TYPES[name])[0]
    if get_origin(inner) is not Annotated or get_args(inner)[0] is not str:
        return None
    length: int | None = get_args(inner)[1].max_length
    return length


FIELD_TYPES: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Data)}
TEXT_FIELDS = frozenset(name for name in FIELD_TYPES if _max_length(name) is not None)
SHORT_TEXTS = frozenset(name for name in TEXT_FIELDS if _max_length(name) == TEXT_LIMIT)


def _undecoded(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a struct of the same fields, each undecoded."""
    names = [field.name for field in msgspec.structs.fields(struct)]
    return msgspec.defstruct(f"Raw{struct.__name__}", [(name, msgspec.Raw, msgspec.Raw(b"null")) for name in names])


_attributes = msgspec.json.Decoder(_undecoded(Envelope)).decode
_fields = msgspec.json.Decoder(_undecoded(Data)).decode


def _shown(value: Any, harmless: re.Pattern[str]) -> str:
    """Return the value itself if it matches a harmless pattern, else only its kind."""
    return repr(value) if isinstance(value, str) and harmless.fullmatch(value) else _kind(value)


def _kind(value: Any) -> str:
    """Return a description of a value's JSON type."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    if isinstance(value, _Unreadable):
        return "what cannot be read"
    names = {dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
