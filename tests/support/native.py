"""A reader of ClickHouse's Native format that shares no code with the writer: bodies of inserts as rows."""

import struct
from typing import Any

FIXED = {
    "DateTime64(3, 'UTC')": "q",
    "DateTime('UTC')": "I",
    "Int64": "q",
    "UInt64": "Q",
    "UInt32": "I",
    "UInt16": "H",
    "UInt8": "B",
    "Bool": "?",
}


class Reader:
    """A position in the bytes of a block."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows by column. The body must end with them."""
        column_count, row_count = self._number(), self._number()
        columns = {}
        for _ in range(column_count):
            name, type_name = self._bytes().decode(), self._bytes().decode()
            columns[name] = self._values(type_name, row_count)
        if self._at != len(self._body):
            raise ValueError(f"expected {self._at} bytes, found {len(self._body)}")
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def _values(self, type_name: str, count: int) -> list[Any]:
        if type_name == "String":
            return [self._bytes() for _ in range(count)]
        if type_name in FIXED:
            return list(self._fixed(FIXED[type_name], count))
        kind, _, inner = type_name.removesuffix(")").partition("(")
        ends = self._fixed("Q", count)
        total = ends[-1] if ends else 0
        if kind == "Array":
            flat = self._values(inner, total)
        elif kind == "Map":
            keys, values = inner.split(", ")
            flat = list(zip(self._values(keys, total), self._values(values, total), strict=True))
        else:
            raise ValueError(f"expected a type of the ledger, found {type_name}")
        return [tuple(flat[start:end]) for start, end in zip((0, *ends), ends, strict=False)]

    def _fixed(self, code: str, count: int) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{count}{code}", self._body, self._at)
        self._at += struct.calcsize(f"<{count}{code}")
        return found

    def _number(self) -> int:
        number = shift = 0
        while True:
            byte = self._body[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def _bytes(self) -> bytes:
        length = self._number()
        self._at += length
        return self._body[self._at - length : self._at]
