"""Shifting all instants of events by whole seconds, with everything else unchanged, byte for byte."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from pipeline.contract.codec import EARLIEST_MS
from pipeline.contract.instants import EPOCH, check_offset, seconds_of
from streams.days import END_MS
from streams.events import Data, Envelope

#: An instant: up to the seconds, then the fraction, which does not change, then the offset.
_WRITTEN = re.compile(r"(.{19})(\.\d+)?(.*)\Z", re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]|[^][{}",:\s]+', re.DOTALL)


def _instants(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Return the names of the fields that hold an instant."""

    def holds(kind: Any) -> bool:
        return kind is datetime or any(map(holds, get_args(kind)))

    return frozenset(field.encode_name for field in msgspec.structs.fields(struct) if holds(field.type))


ATTRIBUTES, DATA_FIELDS = _instants(Envelope), _instants(Data)


def shifted(value: bytes, seconds: int) -> bytes:
    """Return an acceptable event shifted by `seconds`."""
    parts: list[bytes] = []
    at = 0
    for begin, end in _bounds(value):
        parts += value[at:begin], _moved_value(value[begin:end], seconds)
        at = end
    return b"".join((*parts, value[at:]))


def _bounds(value: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the instants in an event, in order."""
    for name, begin, end in _members(value, 0):
        if name in ATTRIBUTES:
            yield begin, end
        elif name == "data" and value[begin : begin + 1] == b"{":
            yield from ((at, until) for field, at, until in _members(value, begin) if field in DATA_FIELDS)


def _members(value: bytes, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield the members of the JSON object at `at`: name, start and end of the value."""
    depth, begin, name = 0, 0, b""
    for token in _TOKEN.finditer(value, at):
        text = token[0]
        is_end = text in (b"}", b"]")
        if is_end:
            depth -= 1
        elif depth == 1:
            begin = token.start()
        if text in (b"{", b"["):
            depth += 1
        elif depth == 1 and not name:
            name = text
        elif depth == 1:
            yield _name(name), begin, token.end()
            name = b""
        if depth == 0:
            return


def _name(written: bytes) -> str:
    """Return a member's name; '' if it cannot be decoded, since no field of the contract is named so."""
    try:
        return msgspec.json.decode(written, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _moved_value(written: bytes, seconds: int) -> bytes:
    """Return a JSON value shifted; unchanged if it is not an instant."""
    try:
        if not written.startswith(b'"'):
            moved = _moved_number(written.decode(), seconds)
            return written if moved is None else moved.encode()
        text = msgspec.json.decode(written, type=str)
        return msgspec.json.encode(_moved_number(text, seconds) or _moved(text, seconds))
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        return written


def _moved_number(text: str, seconds: int) -> str | None:
    """Return seconds since 1970 shifted, without an exponent; None if it is not a number. Raises like `_moved`."""
    instant = seconds_of(text)
    if instant is None:
        return None
    _check_calendar(int(instant * 1000))
    return f"{instant + seconds:f}"


def _moved(text: str, seconds: int) -> str:
    """Return an RFC 3339 instant shifted, in UTC. Raises msgspec.ValidationError or OverflowError for invalid ones."""
    check_offset(text)
    match = _WRITTEN.match(text)
    if match is None:
        raise msgspec.ValidationError("expected an RFC 3339 time")
    moment = msgspec.convert(match[1] + match[3], datetime)
    if moment.tzinfo is None:
        raise msgspec.ValidationError("expected an offset")
    _check_calendar((moment - EPOCH) // timedelta(milliseconds=1))
    moved = (moment + timedelta(seconds=seconds)).astimezone(UTC).replace(tzinfo=None)
    return f"{moved.isoformat()}{match[2] or ''}Z"


def _check_calendar(instant_ms: int) -> None:
    """Raise msgspec.ValidationError for an instant out of range, since shifting could make it valid."""
    if not EARLIEST_MS <= instant_ms < END_MS:
        raise msgspec.ValidationError("expected an instant from 2000 up to 2100")
