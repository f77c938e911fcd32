"""Events with all their instants moved by whole seconds, everything else as it came."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from streams.events import Data, Envelope

#: Up to the seconds; then a fraction, which moving by whole seconds leaves alone; then the offset.
_WRITTEN = re.compile(r"(.{19})(\.\d+)?(.*)\Z", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _instants(struct: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that hold an instant."""

    def holds(kind: Any) -> bool:
        return kind is datetime or any(map(holds, get_args(kind)))

    return frozenset(field.encode_name for field in msgspec.structs.fields(struct) if holds(field.type))


ATTRIBUTES, DATA_FIELDS = _instants(Envelope), _instants(Data)


def shifted(value: bytes, seconds: int) -> bytes:
    """An acceptable event, moved. Raises msgspec.MsgspecError or UnicodeDecodeError for what is no JSON object."""
    event = _fields(value)
    _shift_fields(event, ATTRIBUTES, seconds)
    if bytes(event.get("data", b"null")).lstrip().startswith(b"{"):
        data = _fields(event["data"])
        _shift_fields(data, DATA_FIELDS, seconds)
        event["data"] = msgspec.Raw(msgspec.json.encode(data))
    return msgspec.json.encode(event)


def _shift_fields(fields: dict[str, msgspec.Raw], names: frozenset[str], seconds: int) -> None:
    for name in names & fields.keys():
        try:
            moved = _moved(msgspec.json.decode(fields[name]), seconds)
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
            continue  # no instant, so there is nothing to move
        fields[name] = msgspec.Raw(msgspec.json.encode(moved))


def _moved(instant: Any, seconds: int) -> Any:
    """A text of RFC 3339, or seconds since the epoch as a number or a text, in its own form."""
    if isinstance(instant, int | float) and not isinstance(instant, bool):
        return instant + seconds
    if not isinstance(instant, str):
        return instant
    if _NUMBER.match(instant):
        whole, point, fraction = instant.partition(".")
        return f"{int(whole) + seconds}{point}{fraction}"
    found = _WRITTEN.match(instant)
    if found is None:
        return instant
    moment = msgspec.convert(found[1] + found[3], datetime)
    if moment.tzinfo is None:
        return instant
    moved = (moment + timedelta(seconds=seconds)).astimezone(UTC)
    return f"{moved:%Y-%m-%dT%H:%M:%S}{found[2] or ''}Z"
