"""Reads that know their end: an answer that broke off is asked for again, never taken for all there is.

An error in the middle of an answer comes behind a status of success, and a proxy may cut one at the end of a line. So
the rows of an answer carry how many they are, and what is one value carries its own length.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from pipeline.errors import ClickHouseUnavailableError

NUMBER_BYTES = 8


class Counted(Protocol):
    """A row that says of how many its answer consists."""

    answer_row_count: int


Row = TypeVar("Row", bound=Counted)


def counted(query: str) -> str:
    """The query, its rows in any order, with `answer_row_count` as a further last column."""
    return f"SELECT *, count() OVER () AS answer_row_count FROM ({query})"


def decoded_lines(decoder: Any, lines: bytes, where: str) -> list[Any]:
    """The rows of some lines.

    Raises ClickHouseUnavailableError for one that is none, as an error in the middle of an answer is.
    """
    try:
        found: list[Any] = decoder.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ClickHouseUnavailableError(f"{where}: expected rows, the answer broke off: {lines[-200:]!r}") from error
    return found


def one_value(decoder: Any, line: bytes, where: str) -> Any:
    """What stands in an answer of one row and one column. Raises ClickHouseUnavailableError when there is none."""
    found = decoded_lines(decoder, line, where)
    if len(found) != 1:
        raise ClickHouseUnavailableError(f"{where}: expected one value, the answer was empty")
    return found[0][0]


def whole(rows: Sequence[Row], where: str) -> Sequence[Row]:
    """The rows of an answer to a `counted` query.

    Raises ClickHouseUnavailableError when there are fewer than it said.
    """
    if rows and rows[0].answer_row_count != len(rows):
        raise ClickHouseUnavailableError(
            f"{where}: expected {rows[0].answer_row_count} rows, the answer broke off after {len(rows)}"
        )
    return rows


def all_of(rows: Iterable[Row], where: str) -> Iterator[Row]:
    """The same for rows that come one after the other."""
    count = 0
    expected = 0
    for row in rows:
        expected = row.answer_row_count
        count += 1
        yield row
    if count != expected:
        raise ClickHouseUnavailableError(f"{where}: expected {expected} rows, the answer broke off after {count}")


def numbers(value: bytes, where: str) -> "array[int]":
    """The numbers of one Array(UInt64) in RowBinary.

    Raises ClickHouseUnavailableError when it is shorter or longer than it says.
    """
    length = shift = position = 0
    while position < len(value):
        byte = value[position]
        length |= (byte & 0x7F) << shift
        shift += 7
        position += 1
        if byte < 0x80:
            break
    if not position or len(value) - position != length * NUMBER_BYTES:
        raise ClickHouseUnavailableError(
            f"{where}: expected {length} numbers, the answer broke off after {len(value) - position} bytes"
        )
    found = array("Q")
    found.frombytes(value[position:])
    return found
