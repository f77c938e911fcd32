"""Blocks in ClickHouse's Native format: columns byte for byte, and sections that lack a column."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from pipeline.clickhouse import native
from pipeline.clickhouse.blocks import Column, Section, integers, joined, texts


def test_a_sum_that_overflows_its_column_is_clamped() -> None:
    fits, too_great, too_small = 7, 2**63, -(2**63) - 1
    assert native.sums([fits, too_great, too_small]) == struct.pack("<3q", 7, 2**63 - 1, -(2**63))
    assert native.sums([fits]) == struct.pack("<q", 7)


def one_by_one(values: list[str]) -> bytes:
    """Encode by the definition: each value's length in bytes as LEB128, then its bytes."""
    found = bytearray()
    for value in values:
        rest = len(value.encode())
        while rest > 127:
            found.append(rest % 128 + 128)
            rest //= 128
        found.append(rest)
        found += value.encode()
    return bytes(found)


@given(st.lists(st.text(alphabet="aé€😀", max_size=8) | st.sampled_from(["", "x" * 127, "x" * 128, "ä" * 64])))
def test_texts_of_any_length_and_alphabet_are_encoded_exactly(values: list[str]) -> None:
    assert native.texts(values) == one_by_one(values)
    assert native.few_texts(values, native.TextCache()) == one_by_one(values)


def test_a_missing_column_gets_its_default_and_one_that_no_section_has_is_left_out() -> None:
    first = Section(2, {"a": integers("UInt16", [1, 2])})
    second = Section(1, {"b": texts(["x"]), "c": Column("Array(UInt8)", (b"\x07\x08",), [2])})
    block = joined({"log": texts(["t"])}, [first, second])
    assert block.columns == ("log", "a", "b", "c")
    assert block.row_count == 3
    assert (
        block.body
        == (
            b"\x04\x03"  # columns, rows
            b"\x03log\x06String" + b"\x01t" * 3 + b"\x01a\x06UInt16\x01\x00\x02\x00\x00\x00"
            b"\x01b\x06String\x00\x00\x01x"
            # Offsets of the arrays' ends: none, none, two elements; then the elements.
            b"\x01c\x0cArray(UInt8)" + bytes(16) + b"\x02" + bytes(7) + b"\x07\x08"
        )
    )
