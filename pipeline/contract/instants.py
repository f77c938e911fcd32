"""Instants as RFC 3339 has them, where msgspec reads them otherwise.

Digits beyond microseconds are cut, never rounded into the next second, day or year. So the usual event's time is
decoded by itself, from the bytes it came in, and the rare one with more digits is cut before. An offset has a colon:
`+0100` is none. Only `+0000`, which says no more than `Z`, is let through.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from typing import Literal

import msgspec

from streams.events import Data, Identifier, Instant, OptionalIdentifier, Text

#: Bytes of `"2026-11-23T10:00:59.123456Z"`, quotes and all: what is no longer has at most six digits.
SHORT_BYTES = 29
NO_COLON = "expected an offset with a colon, such as +01:00"
_BEYOND_MICROSECONDS = re.compile(r"(\.\d{6})\d+", re.ASCII)
_BEYOND_MICROSECONDS_OF_BYTES = re.compile(_BEYOND_MICROSECONDS.pattern.encode())
_SECONDS = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?\Z", re.ASCII)
#: Seconds at which the years of a `datetime` begin and end.
_FIRST_SECONDS, _END_SECONDS = -62_135_596_800, 253_402_300_800
#: Twelve digits before the point, eight behind it.
_CUTTING = Context(prec=20, rounding=ROUND_DOWN, traps=[])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WrittenEnvelope(msgspec.Struct, gc=False, frozen=True):
    """An `Envelope` whose time is still the bytes it came in."""

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Identifier
    time: msgspec.Raw
    subject: OptionalIdentifier | None = None
    tenant: Text | None = None
    data: Data | None = None


class _Promise(msgspec.Struct):
    due_at: str


class _WithPromise(msgspec.Struct):
    data: _Promise


#: The instant of a JSON text of up to `SHORT_BYTES`. Raises msgspec.MsgspecError for any other.
short_instant = msgspec.json.Decoder(Instant).decode
_with_promise = msgspec.json.Decoder(_WithPromise).decode


def cut_fraction(text: str) -> str:
    """The text of an instant without the digits beyond microseconds."""
    return _BEYOND_MICROSECONDS.sub(r"\1", text, count=1)


def check_offset(text: str) -> None:
    """Look at the text of an instant. Raises msgspec.ValidationError for an offset that has no colon, and is one."""
    if text[-5:-4] in ("+", "-") and text[-4:].isdigit() and text[-4:] != "0000":
        raise msgspec.ValidationError(NO_COLON)


def check_written_offset(written: msgspec.Raw) -> None:
    """Look at the JSON text of an instant that is not in UTC. Raises msgspec.ValidationError."""
    if bytes(written)[-4] != ord(":"):
        raise msgspec.ValidationError(NO_COLON)


def seconds_of(text: str) -> Decimal | None:
    """Seconds since 1970 as a JSON number has them, cut to eight digits behind the point; None for any other text.

    Raises msgspec.ValidationError for what no `datetime` can be.
    """
    if _SECONDS.match(text) is None:
        return None
    seconds = _CUTTING.create_decimal(text)
    if not seconds.is_finite() or not _FIRST_SECONDS <= seconds < _END_SECONDS:
        raise msgspec.ValidationError("expected seconds since 1970")
    return seconds


def of_seconds(text: str) -> datetime | None:
    """The instant of seconds since 1970, cut to milliseconds; otherwise like `seconds_of`."""
    seconds = seconds_of(text)
    return None if seconds is None else EPOCH + timedelta(milliseconds=int(seconds * 1000))


def long_instant(written: msgspec.Raw) -> datetime:
    """The instant of a JSON text with more than `SHORT_BYTES`, none in escapes. Raises msgspec.MsgspecError else."""
    if b"\\" in bytes(written):
        raise msgspec.ValidationError("expected no escapes")
    return short_instant(_BEYOND_MICROSECONDS_OF_BYTES.sub(rb"\1", bytes(written), count=1))


def due_at(value: bytes, rounded: datetime) -> datetime:
    """The promise in an event, which was decoded to `rounded`. Raises msgspec.ValidationError for what is none."""
    if rounded.microsecond % 1000 and rounded.tzinfo is UTC:
        return rounded
    text = _with_promise(value).data.due_at
    check_offset(text)
    exact: datetime = msgspec.convert(cut_fraction(text), Instant)
    return exact
