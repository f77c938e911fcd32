"""Instants with more digits than microseconds: cut, never rounded into the next second, day or year.

msgspec rounds what lies beyond the sixth digit. That shows in milliseconds only where the fourth to sixth digits are
nines, so the usual event costs one search for them.
"""

import re

import msgspec

from streams.events import Data, Envelope

#: A value without these three bytes holds no instant that was rounded up to another millisecond.
MAY_BE_ROUNDED = b"999"

_BEYOND_MICROSECONDS = re.compile(r"(\.\d{6})\d+", re.ASCII)


class _Promise(msgspec.Struct):
    due_at: str | None = None


class _Instants(msgspec.Struct):
    time: str
    data: _Promise | None = None


_texts = msgspec.json.Decoder(_Instants).decode
_envelope = msgspec.json.Decoder(Envelope).decode


def cut_fraction(text: str) -> str:
    """The text of an instant without the digits beyond microseconds."""
    return _BEYOND_MICROSECONDS.sub(r"\1", text, count=1)


def with_instants_cut(value: bytes, envelope: Envelope) -> Envelope:
    """The envelope that `value` was decoded to, its instants as they are written there."""
    written = _texts(value)
    changed = {"time": msgspec.convert(cut_fraction(written.time), Envelope.__annotations__["time"])}
    if envelope.data is not None and written.data is not None and written.data.due_at is not None:
        due_at = msgspec.convert(cut_fraction(written.data.due_at), Data.__annotations__["due_at"])
        changed["data"] = msgspec.structs.replace(envelope.data, due_at=due_at)
    return msgspec.structs.replace(envelope, **changed)
