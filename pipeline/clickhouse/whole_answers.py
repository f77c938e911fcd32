"""Detection of truncated answers, so that they are read again and never taken for complete.

An error in the middle of an answer follows a success status, and a proxy may cut an answer at a line end. Therefore
each row carries the number of rows in its answer, and single values carry their own length.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from pipeline.errors import ClickHouseUnavailableError

NUMBER_BYTES = 8


class Counted(Protocol):
    """A row that carries the number of rows in its answer."""

    answer_row_count: int


Row = TypeVar("Row", bound=Counted)


def counted(query: str) -> str:
    """Return the query with `answer_row_count` as an additional last column. The order of rows is not kept."""
    return f"SELECT *, count() OVER () AS answer_row_count FROM ({query})"


def decoded_lines(decoder: Any, lines: bytes, where: str) -> list[Any]:
    """Return the rows of JSON lines. Raises ClickHouseUnavailableError for other lines, such as an error message."""
    try:
        rows: list[Any] = decoder.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ClickHouseUnavailableError(f"{where}: expected rows, the answer broke off: {lines[-200:]!r}") from error
    return rows


def one_value(decoder: Any, line: bytes, where: str) -> Any:
    """Return the value of an answer of one row and one column. Raises ClickHouseUnavailableError if there is none."""
    rows = decoded_lines(decoder, line, where)
    if len(rows) != 1:
        raise ClickHouseUnavailableError(f"{where}: expected one value, the answer was empty")
    return rows[0][0]


def whole(rows: Sequence[Row], where: str) -> Sequence[Row]:
    """Return the rows of an answer to a `counted` query. Raises ClickHouseUnavailableError if some are missing."""
    if rows and rows[0].answer_row_count != len(rows):
        raise ClickHouseUnavailableError(
            f"{where}: expected {rows[0].answer_row_count} rows, the answer broke off after {len(rows)}"
        )
    return rows


def all_of(rows: Iterable[Row], where: str) -> Iterator[Row]:
    """Yield the rows of an answer to a `counted` query. Raises ClickHouseUnavailableError if some are missing."""
    count = 0
    expected = 0
    for row in rows:
        expected = row.answer_row_count
        count += 1
        yield row
    if count != expected:
        raise ClickHouseUnavailableError(f"{where}: expected {expected} rows, the answer broke off after {count}")


def numbers(value: bytes, where: str) -> "array[int]":
    """Return the numbers of one Array(UInt64) in RowBinary. Raises ClickHouseUnavailableError if some are missing."""
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
    result = array("Q")
    result.frombytes(value[position:])
    return result
