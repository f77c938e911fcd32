"""The slow way through validation, for records that do not decode as they should.

Either it finds an acceptable event, without the optional fields that are of a wrong kind, or it raises a
`InvalidRecordError` that says what was expected, what came, and in which field. A fault never quotes what a person may
have written: only times, versions and words in the place of an enumeration's value.
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
#: Levels of brackets. Far below Python's recursion limit, so that the answer does not depend on the caller's stack.
MAX_NESTING = 500

#: An escape in a JSON text; the group is there where it is half a surrogate pair, which stands for no character.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
#: In place of half a surrogate pair: a byte that is in no UTF-8, so that what holds it cannot be read.
_NO_CHARACTER = b"\xff"
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
NUMBER_BEGINS = tuple(b"%c" % byte for byte in b"-0123456789")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_TIME_LIKE = re.compile(r"\d{4}-\d\d-\d\d[0-9TtZz:+. -]{0,30}", re.ASCII)
_VERSION = re.compile(r"[0-9.]{1,8}", re.ASCII)


class InvalidRecordError(Exception):
    """Why a record is not an acceptable event."""

    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.field = field
        self.detail = detail


def check_nesting(value: bytes) -> None:
    """Raises Fault for more than `MAX_NESTING` levels, wherever they are; brackets in texts do not count."""
    if value.count(b"[") + value.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    for byte in _STRING.sub(b"", value).translate(None, _NOT_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        if depth > MAX_NESTING:
            raise InvalidRecordError("too_large", "", f"expected at most {MAX_NESTING} levels of nesting, got more")


def decode_leniently(value: bytes) -> tuple[Envelope, int]:
    """The event and the number of optional fields that had to be dropped or cut. Raises Fault.

    Only what the contract names is looked at, each field by itself: an unknown field is passed over as on the fast
    way, whatever is in it.
    """
    try:
        found = _attributes(_readable(value))
    except msgspec.ValidationError:
        raise _not_an_object(value) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(error) from None
    attributes = {name: _required(name, getattr(found, name)) for name in REQUIRED_ATTRIBUTES}
    dropped = 0
    for name in ("subject", "tenant"):
        given = _text(getattr(found, name))
        if isinstance(given, str):
            attributes[name] = given
        elif name == "subject" and isinstance(given, _Unreadable):  # the key need not be what it says
            raise InvalidRecordError(given.reason, name, f"expected a text, got {_kind(given)}")
        elif given is not None:
            dropped += 1
    if len(attributes.get("subject", "")) > IDENTIFIER_LIMIT:
        raise InvalidRecordError("invalid_value", "subject", f"expected at most {IDENTIFIER_LIMIT} characters")
    if len(attributes.get("tenant", "")) > TEXT_LIMIT:
        attributes["tenant"] = attributes["tenant"][:TEXT_LIMIT]
        dropped += 1
    data, dropped_data = _data(found.data, attributes["type"])  # type: ignore[attr-defined]  # a struct made below
    return msgspec.convert({**attributes, "data": data}, Envelope), dropped + dropped_data


def subject(value: bytes) -> str:
    """The subject of a record that need not be an event; '' where it has none."""
    try:
        check_nesting(value)
        found = _text(_attributes(_readable(value)).subject)  # type: ignore[attr-defined]  # a struct made below
    except (InvalidRecordError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _not_json(error: Exception) -> InvalidRecordError:
    """The parser's words name a byte's position, never the text around it."""
    return InvalidRecordError("not_json", "", f"expected JSON: {error}")


def _not_an_object(value: bytes) -> InvalidRecordError:
    try:
        raw = bytes(msgspec.json.decode(value, type=msgspec.Raw)).strip()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _not_json(error)
    kinds = {b"[": "an array", b'"': "a text", b"t": "a boolean", b"f": "a boolean", b"n": "null"}
    return InvalidRecordError("not_an_object", "", f"expected a JSON object, got {kinds.get(raw[:1], 'a number')}")


class _Unreadable:
    """In place of a value that cannot be held: bytes that are not UTF-8 and half a surrogate pair, which are no JSON
    by `reason`, and thousands of digits, which are."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _readable(value: bytes) -> bytes:
    """The value without half surrogate pairs in the texts, so that the fields which hold none can be read."""
    if b"\\u" not in value:
        return value
    return _ESCAPE.sub(lambda found: found[0] if found[1] is None else _NO_CHARACTER, value)


def _text(raw: msgspec.Raw) -> Any:
    """The value where a text belongs: of a number, its digits as they are written."""
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
    """The text of a required attribute. Raises Fault."""
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
    """Raises msgspec.ValidationError for what RFC 3339 does not know."""
    check_offset(text)
    return msgspec.convert(text, datetime)


def _data(raw: msgspec.Raw, event_type: str) -> tuple[dict[str, Any], int]:
    """The fields of `data` that are of the right kind, and how many were not, or were cut."""
    if bytes(raw) == b"null":
        return {}, 0
    try:
        given = _fields(raw)
    except msgspec.ValidationError:
        if event_type not in KNOWN_TYPES:  # of a type that is not ours, data may be anything
            return {}, 1
        found = _kind(_value(raw))
        raise InvalidRecordError("invalid_value", "data", f"expected data as a JSON object, got {found}") from None
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
    """A text in the place of a number is what it looks like. Short texts are cut to their limit.

    An identifier is never cut: what is left of it could be another one's. Raises msgspec.ValidationError.
    """
    is_cut = False
    if name == "due_at" and isinstance(value, str):
        value = of_seconds(value) or _instant(cut_fraction(value))
    if name in SHORT_TEXTS and isinstance(value, str):
        is_cut = len(value) > TEXT_LIMIT
        value = value[:TEXT_LIMIT]
    return msgspec.to_builtins(msgspec.convert(value, FIELD_TYPES[name], strict=False)), is_cut


def _expected(name: str) -> str:
    """What a required field of `data` takes."""
    inner = get_args(FIELD_TYPES[name])[0]
    if get_origin(inner) is Literal:
        return "one of " + ", ".join(value for value in get_args(inner) if value)
    if name in TEXT_FIELDS:
        return f"a text of at most {_max_length(name)} characters"
    return "1 to 32 of the characters a-z, 0-9 and _"


def _max_length(name: str) -> int | None:
    """The greatest length of a text field; None when it is no text, or its pattern limits it."""
    inner = get_args(FIELD_TYPES[name])[0]
    if get_origin(inner) is not Annotated or get_args(inner)[0] is not str:
        return None
    length: int | None = get_args(inner)[1].max_length
    return length


FIELD_TYPES: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Data)}
TEXT_FIELDS = frozenset(name for name in FIELD_TYPES if _max_length(name) is not None)
SHORT_TEXTS = frozenset(name for name in TEXT_FIELDS if _max_length(name) == TEXT_LIMIT)


def _undecoded(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same fields, each as the bytes it came in."""
    names = [field.name for field in msgspec.structs.fields(struct)]
    return msgspec.defstruct(f"Raw{struct.__name__}", [(name, msgspec.Raw, msgspec.Raw(b"null")) for name in names])


_attributes = msgspec.json.Decoder(_undecoded(Envelope)).decode
_fields = msgspec.json.Decoder(_undecoded(Data)).decode


def _shown(value: Any, harmless: re.Pattern[str]) -> str:
    """The value itself where it has the form of what is expected there, else only its kind."""
    return repr(value) if isinstance(value, str) and harmless.fullmatch(value) else _kind(value)


def _kind(value: Any) -> str:
    """JSON's name of a value's type."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    if isinstance(value, _Unreadable):
        return "what cannot be read"
    names = {dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
