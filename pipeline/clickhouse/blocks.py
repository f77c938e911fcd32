"""Blocks made of sections: rows encoded at different times, or of different kinds, joined into one insert.

Values are encoded by column. A section omits columns that none of its rows needs, and the block omits those that no
section needs; the table's default applies.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from pipeline.clickhouse import native

INSTANT = "DateTime64(3, 'UTC')"


class Column(NamedTuple):
    """The values of one column for the rows of one section; `lengths` are those of its arrays or maps."""

    type_name: str
    values: tuple[bytes, ...]
    lengths: Sequence[int] | None = None


class Section(NamedTuple):
    """Rows, encoded by column."""

    row_count: int
    columns: dict[str, Column]

    @property
    def byte_count(self) -> int:
        """The size of the encoded values."""
        return sum(len(values) for column in self.columns.values() for values in column.values)


class Block(NamedTuple):
    """The body of one insert: column names, bytes and row count."""

    columns: tuple[str, ...]
    body: bytes
    row_count: int


#: The struct module's code of each integer type.
CODES = {
    INSTANT: "q",
    "DateTime('UTC')": "I",
    "Int64": "q",
    "UInt64": "Q",
    "UInt32": "I",
    "UInt16": "H",
    "UInt8": "B",
    "Bool": "B",
}
#: Bytes of one default value, by type of a column without arrays.
DEFAULTS = {"String": b"\0"} | {name: bytes(struct.calcsize(f"<{code}")) for name, code in CODES.items()}


def texts(values: Sequence[str]) -> Column:
    """Return a String column."""
    return Column("String", (native.texts(values),))


def integers(type_name: str, values: Iterable[int]) -> Column:
    """Return a column of one of the integer types of `CODES`."""
    return Column(type_name, (native.integers(CODES[type_name], values),))


def encoded(values: Iterable[bytes]) -> Column:
    """Return a String column of already encoded values."""
    return Column("String", (b"".join(values),))


def joined(everywhere: dict[str, Column], sections: Sequence[Section]) -> Block:
    """Return one block of all sections' rows. `everywhere` holds columns of one value, repeated in every row."""
    row_count = sum(section.row_count for section in sections)
    columns = [(name, column.type_name, column.values[0] * row_count) for name, column in everywhere.items()]
    types = {name: column.type_name for section in sections for name, column in section.columns.items()}
    columns += [(name, type_name, _joined(name, type_name, sections)) for name, type_name in types.items()]
    names = tuple(name for name, _, _ in columns)
    return Block(names, native.block(row_count, columns), row_count)


def _joined(name: str, type_name: str, sections: Sequence[Section]) -> bytes:
    columns = [(section.row_count, section.columns.get(name)) for section in sections]
    if type_name in DEFAULTS:
        default = DEFAULTS[type_name]
        return b"".join(column.values[0] if column else default * row_count for row_count, column in columns)
    lengths = chain.from_iterable(
        column.lengths if column and column.lengths is not None else repeat(0, row_count)
        for row_count, column in columns
    )
    elements = zip(*(column.values for _, column in columns if column), strict=True)
    return native.array_offsets(lengths) + b"".join(map(b"".join, elements))
