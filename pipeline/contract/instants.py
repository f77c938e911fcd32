"""Instants by RFC 3339, where msgspec decodes them differently.

Digits beyond microseconds are cut, never rounded into the next second, day or year. Therefore an event's time is
decoded separately, from its original bytes, and the rare one with more digits is cut before. An offset needs a colon:
`+0100` is invalid. Only `+0000`, which means no more than `Z`, is accepted.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from typing import Literal

import msgspec

from streams.events import Data, Identifier, Instant, OptionalIdentifier, Text

#: The length of `"2026-11-23T10:00:59.123456Z"` with quotes. A text no longer than that has at most six digits.
SHORT_BYTES = 29
NO_COLON = "expected an offset with a colon, such as +01:00"
_BEYOND_MICROSECONDS = re.compile(r"(\.\d{6})\d+", re.ASCII)
_BEYOND_MICROSECONDS_OF_BYTES = re.compile(_BEYOND_MICROSECONDS.pattern.encode())
_SECONDS = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?\Z", re.ASCII)
#: The range of a `datetime`, in seconds since 1970.
_FIRST_SECONDS, _END_SECONDS = -62_135_596_800, 253_402_300_800
#: Twelve digits before the point, eight after it.
_CUTTING = Context(prec=20, rounding=ROUND_DOWN, traps=[])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WrittenEnvelope(msgspec.Struct, gc=False, frozen=True):
    """An `Envelope` whose time is not decoded yet."""

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Identifier
    time: msgspec.Raw
    subject: OptionalIdentifier | None = None
    tenant: Text | None = None
    data: Data | None = None


class _Target(msgspec.Struct):
    due_at: str


class _WithTarget(msgspec.Struct):
    data: _Target


#: Decodes a JSON string of up to `SHORT_BYTES` as an instant. Raises msgspec.MsgspecError.
short_instant = msgspec.json.Decoder(Instant).decode
_with_target = msgspec.json.Decoder(_WithTarget).decode


def cut_fraction(text: str) -> str:
    """Return the text of an instant without the digits beyond microseconds."""
    return _BEYOND_MICROSECONDS.sub(r"\1", text, count=1)


def check_offset(text: str) -> None:
    """Raise msgspec.ValidationError if the text of an instant has an offset without a colon, other than `+0000`."""
    if text[-5:-4] in ("+", "-") and text[-4:].isdigit() and text[-4:] != "0000":
        raise msgspec.ValidationError(NO_COLON)


def check_written_offset(written: msgspec.Raw) -> None:
    """Raise msgspec.ValidationError if the JSON string of an instant not in UTC has an offset without a colon."""
    if bytes(written)[-4] != ord(":"):
        raise msgspec.ValidationError(NO_COLON)


def seconds_of(text: str) -> Decimal | None:
    """Return seconds since 1970 from a JSON number, cut to eight digits after the point; None for any other text.

    Raises msgspec.ValidationError outside the range of a `datetime`.
    """
    if _SECONDS.match(text) is None:
        return None
    seconds = _CUTTING.create_decimal(text)
    if not seconds.is_finite() or not _FIRST_SECONDS <= seconds < _END_SECONDS:
        raise msgspec.ValidationError("expected seconds since 1970")
    return seconds


def of_seconds(text: str) -> datetime | None:
    """Return the instant of seconds since 1970, cut to milliseconds; otherwise like `seconds_of`."""
    seconds = seconds_of(text)
    return None if seconds is None else EPOCH + timedelta(milliseconds=int(seconds * 1000))


def long_instant(written: msgspec.Raw) -> datetime:
    """Return the instant of a JSON string of more than `SHORT_BYTES`. Raises msgspec.MsgspecError, also for escapes."""
    if b"\\" in bytes(written):
        raise msgspec.ValidationError("expected no escapes")
    return short_instant(_BEYOND_MICROSECONDS_OF_BYTES.sub(rb"\1", bytes(written), count=1))


def due_at(value: bytes, rounded: datetime) -> datetime:
    """Return the exact `due_at` of an event that msgspec decoded to `rounded`. Raises msgspec.ValidationError."""
    if rounded.microsecond % 1000 and rounded.tzinfo is UTC:
        return rounded
    text = _with_target(value).data.due_at
    check_offset(text)
    exact: datetime = msgspec.convert(cut_fraction(text), Instant)
    return exact
