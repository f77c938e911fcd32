"""Blocks made of sections: rows encoded at different times, or of different kinds, joined into one insert.

Values are encoded by column. A column that no row of a section needs is left out of it, and one that no section needs
is left out of the block: the table's default stands for it.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from pipeline.clickhouse import native

INSTANT = "DateTime64(3, 'UTC')"


class Column(NamedTuple):
    """Values of one column for the rows of one section; `lengths` are those of its arrays or maps."""

    type_name: str
    values: tuple[bytes, ...]
    lengths: Sequence[int] | None = None


class Section(NamedTuple):
    """Some rows, by column."""

    row_count: int
    columns: dict[str, Column]

    @property
    def byte_count(self) -> int:
        """Bytes of its values."""
        return sum(len(values) for column in self.columns.values() for values in column.values)


class Block(NamedTuple):
    """The body of one insert: its columns by name, its bytes and how many rows they are."""

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
    """A String column."""
    return Column("String", (native.texts(values),))


def integers(type_name: str, values: Iterable[int]) -> Column:
    """A column of one of the integer types of `CODES`."""
    return Column(type_name, (native.integers(CODES[type_name], values),))


def encoded(values: Iterable[bytes]) -> Column:
    """A String column of values that are encoded already."""
    return Column("String", (b"".join(values),))


def joined(everywhere: dict[str, Column], sections: Sequence[Section]) -> Block:
    """One block of all sections' rows. `everywhere` has columns of one value, which every row gets."""
    row_count = sum(section.row_count for section in sections)
    columns = [(name, column.type_name, column.values[0] * row_count) for name, column in everywhere.items()]
    types = {name: column.type_name for section in sections for name, column in section.columns.items()}
    columns += [(name, type_name, _joined(name, type_name, sections)) for name, type_name in types.items()]
    names = tuple(name for name, _, _ in columns)
    return Block(names, native.block(row_count, columns), row_count)


def _joined(name: str, type_name: str, sections: Sequence[Section]) -> bytes:
    found = [(section.row_count, section.columns.get(name)) for section in sections]
    if type_name in DEFAULTS:
        default = DEFAULTS[type_name]
        return b"".join(column.values[0] if column else default * rows for rows, column in found)
    lengths = chain.from_iterable(
        column.lengths if column and column.lengths is not None else repeat(0, rows) for rows, column in found
    )
    elements = zip(*(column.values for _, column in found if column), strict=True)
    return native.array_offsets(lengths) + b"".join(map(b"".join, elements))
