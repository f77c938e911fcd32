"""ClickHouse's Native format: a block of columns as the body of an insert.

Only what the tables here need: integers, strings, arrays, maps. A block consists of the numbers of columns and rows as
variable-length integers, then name, type and values of each column (ClickHouse documentation, "Native" format).
Integers are little-endian, as on every machine that ClickHouse runs on.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

if sys.byteorder != "little":
    raise ImportError("the Native encoder expects a little-endian machine")


def variable_length(number: int) -> bytes:
    """Return a number as LEB128, ClickHouse's VarUInt."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


SHORT_LENGTHS = [variable_length(length) for length in range(4096)]
#: The same as strings, for lengths of one byte.
ASCII_LENGTHS = [chr(length) for length in range(0x80)]


def text(value: str) -> bytes:
    """Return one String value: its length in bytes and its bytes."""
    encoded = value.encode()
    return length_prefix(len(encoded)) + encoded


def length_prefix(length: int) -> bytes:
    """Return the length in bytes that precedes a String value."""
    return SHORT_LENGTHS[length] if length < 4096 else variable_length(length)


class TextCache(dict[str | None, bytes]):
    """A cache of encoded values for columns with few distinct strings; None is ''. Cleared at `LIMIT` entries."""

    LIMIT = 20_000

    def __missing__(self, value: str | None) -> bytes:
        if len(self) >= self.LIMIT:
            self.clear()
        encoded = self[value] = text(value or "")
        return encoded


assert array("Q").itemsize == 8


def integers(code: str, values: Iterable[int]) -> bytes:
    """Return the values of an integer column; `code` is that of the struct module."""
    # Takes two thirds of the time of `array`, and for bytes a third.
    if code == "B":
        return bytes(values)
    numbers = tuple(values)
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def floats(values: Iterable[float]) -> bytes:
    """Return the values of a Float32 column."""
    return array("f", values).tobytes()


def sums(values: Sequence[int]) -> bytes:
    """Return the values of an Int64 column of sums, clamped to its range."""
    try:
        return integers("q", values)
    except struct.error:
        return integers("q", (max(-(1 << 63), min(value, (1 << 63) - 1)) for value in values))


def texts(values: Sequence[str]) -> bytes:
    """Return the values of a String column."""
    # Short ASCII strings have as many bytes as characters: all are encoded at once, in a third of the time.
    try:
        joined = "".join([f"{ASCII_LENGTHS[len(value)]}{value}" for value in values])
    except IndexError:
        return binaries(map(str.encode, values))
    return joined.encode() if joined.isascii() else binaries(map(str.encode, values))


def few_texts(values: Iterable[str | None], cache: TextCache) -> bytes:
    """Return the values of a String column with few distinct ones."""
    return b"".join(map(cache.__getitem__, values))


def binaries(values: Iterable[bytes]) -> bytes:
    """Return the values of a String column that holds bytes."""
    return b"".join([part for value in values for part in (length_prefix(len(value)), value)])


def array_offsets(lengths: Iterable[int]) -> bytes:
    """Return the offsets that precede the elements of an Array or Map column."""
    return array("Q", accumulate(lengths)).tobytes()


def block(row_count: int, columns: Sequence[tuple[str, str, bytes]]) -> bytes:
    """Return a Native block of (name, type, values) columns, all of `row_count` rows."""
    parts = [variable_length(len(columns)), variable_length(row_count)]
    for name, type_name, values in columns:
        parts += (text(name), text(type_name), values)
    return b"".join(parts)
