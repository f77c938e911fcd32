"""Fetched batches with unreadable records: the others are read, and the unreadable ones come with all their bytes."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kafka.record.memory_records import MemoryRecords as ToolMemoryRecords

from pipeline.contract.records import UnreadableRecord
from pipeline.kafka import stored_batches
from pipeline.kafka.fetching import FramedRecords, TolerantRecords, UnreadableBatchError
from tests.support.record_batches import CODECS, batch, body, framed, sealed

ALL_CODECS = pytest.mark.parametrize("codec", CODECS)
LATIN_1 = "Straße".encode("latin-1")


def read(fetched: bytes, at: int = 0) -> tuple[list[Any], int]:
    """Return the records of a fetch from an offset on, and where the next one begins."""
    records = TolerantRecords(
        TopicPartition("t", 0), FramedRecords(fetched), [], at, None, None, True, fetcher.READ_COMMITTED
    )
    return list(records), records.next_fetch_offset


def readable(found: Sequence[Any]) -> list[tuple[int, bytes | None]]:
    """Return offset and value, or the raw bytes behind an exclamation mark."""
    return [
        (record.offset, b"!" + record.raw if isinstance(record, UnreadableRecord) else record.value) for record in found
    ]


@ALL_CODECS
def test_readable_records_are_read_and_the_others_come_with_their_bytes(codec: str) -> None:
    name_without_end = b"\0\0\x06\x02k\x02v\x02\x40abc"
    payloads = [
        framed(body(0, b"a")),
        framed(body(1, b"b", headers=[(LATIN_1, b"v"), (b"n", None)])),
        framed(body(2, b"c", headers=[(None, b"v")])),
        framed(name_without_end),
        framed(b"\xff" * 5),
        framed(body(5, None, key=None)),
        framed(body(6, b"d") + b"more"),
        framed(body(7, b"e")),
    ]
    fetched = batch(b"".join(payloads), len(payloads), 10, codec) + batch(framed(body(0, b"z")), 1, 18, codec)
    found, end = read(fetched)
    assert readable(found) == [
        (10, b"a"),
        (11, b"b"),
        (12, b"!" + payloads[2]),
        (13, b"!" + payloads[3]),
        (14, b"!" + payloads[4]),
        (15, None),
        (16, b"!" + payloads[6]),
        (17, b"e"),
        (18, b"z"),
    ]
    assert found[1].headers == (("Stra\\xdfe", b"v"), ("n", None))
    assert end == 19
    # After a restart in the middle of the batch the rest is the same.
    assert readable(read(fetched, 14)[0]) == readable(found)[4:]


@ALL_CODECS
@pytest.mark.parametrize("length", [-1, -(2**31), 7, 9, 2**31 - 1, 2**62])
def test_a_wrong_length_makes_the_rest_of_its_batch_unreadable(codec: str, length: int) -> None:
    broken = framed(body(1, b"b"), length)
    payload = framed(body(0, b"a")) + broken + framed(body(2, b"c"))
    found, end = read(batch(payload, 3, 10, codec) + batch(framed(body(0, b"z")), 1, 13, codec))
    assert readable(found) == [(10, b"a"), (11, b"!" + broken + framed(body(2, b"c"))), (13, b"z")]
    assert end == 14


@ALL_CODECS
def test_records_with_wrong_offsets_are_not_lost_and_lose_no_others(codec: str) -> None:
    far, back = framed(body(2**31 - 1, b"far")), framed(body(0, b"back"))
    payload = framed(body(0, b"a")) + far + back + framed(body(3, b"d"))
    found, end = read(batch(payload, 4, 10, codec) + batch(framed(body(0, b"z")), 1, 14, codec))
    assert readable(found) == [(10, b"a"), (11, b"!" + far), (12, b"!" + back), (13, b"d"), (14, b"z")]
    assert end == 15


@pytest.mark.parametrize("codec", [name for name in CODECS if name != "none"])
def test_a_batch_that_cannot_be_decompressed_is_returned_as_it_is(codec: str) -> None:
    broken = sealed(b"no such thing", 3, 10, CODECS[codec][0], 2, 0, None)
    found, end = read(broken + batch(framed(body(0, b"z")), 1, 13, codec))
    assert readable(found) == [(10, b"!no such thing"), (13, b"z")]
    assert end == 14


@pytest.mark.parametrize("count", [0, 1, 3, -1, 2**31 - 1])
def test_a_wrong_record_count_loses_no_bytes(count: int) -> None:
    records = [framed(body(0, b"a")), framed(body(1, b"b"))]
    found, end = read(batch(b"".join(records), count, 10, last_offset_delta=1))
    seen = b"".join(records[record.offset - 10] if record.value else record.raw for record in found)
    assert seen == b"".join(records)
    assert end == 12


def test_a_compacted_batch_has_holes_and_no_faults() -> None:
    found, end = read(batch(framed(body(1, b"a")) + framed(body(4, b"b")), 2, 10, last_offset_delta=6))
    assert (readable(found), end) == ([(11, b"a"), (14, b"b")], 17)


def test_a_wrong_checksum_or_unknown_compression_is_reported_with_its_position_until_skipped() -> None:
    good = batch(framed(body(0, b"a")), 1, 10)
    for damaged in (
        batch(framed(body(0, b"b")), 1, 11, crc=1),
        batch(framed(body(0, b"b")), 1, 11, attributes=5),
    ):
        with pytest.raises(
            UnreadableBatchError, match=r"^t\[0\]@11: .* skip --topic t --partition 0 --offset 11 --why"
        ):
            read(good + damaged)
        TolerantRecords.skipped["t", 0] = (11,)
        try:
            assert readable(read(good + damaged)[0]) == [(10, b"a"), (11, b"!" + damaged)]
        finally:
            del TolerantRecords.skipped["t", 0]


#: Whole records, and bytes that may be mistaken for some.
RECORDS = st.builds(
    lambda delta, value, key, headers, elapsed_ms: framed(body(delta, value, key, headers, elapsed_ms)),
    st.integers(0, 5) | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=5),
    st.lists(st.tuples(st.none() | st.binary(max_size=4), st.none() | st.binary(max_size=4)), max_size=3),
    st.integers(-(2**63), 2**63 - 1),
)
NUMBERS = st.integers(-1, 8) | st.integers(-(2**31), 2**31 - 1)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(RECORDS | st.binary(max_size=12), max_size=6),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    NUMBERS,
    NUMBERS,
    st.sampled_from(sorted(CODECS)),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.integers(8, 12),
)
@example([framed(body(2**63 - 1, b"a"))], [], 1, 0, "none", 2**63 - 1, False, 10)
def test_no_bytes_of_a_batch_raise_or_repeat_an_offset(
    records: list[bytes],
    changes: list[tuple[int, int]],
    count: int,
    last_offset_delta: int,
    codec: str,
    first_at: int,
    is_changed_compressed: bool,
    at: int,
) -> None:
    number, compress = CODECS[codec]
    payload = bytearray(b"".join(records))
    compressed = bytearray(compress(bytes(payload)))
    target = compressed if is_changed_compressed else payload
    for place, byte in changes:
        if place < len(target):
            target[place] = byte
    stored = bytes(compressed) if is_changed_compressed else compress(bytes(payload))
    frame = sealed(stored, count, 10, number, last_offset_delta, first_at, None)
    found, end = read(frame, at)
    offsets = [record.offset for record in found]
    assert offsets == sorted(set(offsets))
    assert all(max(at, 10) <= offset < end for offset in offsets)
    assert end >= at
    assert all(-(2**63) <= record.timestamp < 2**63 for record in found)

    # The tools use another reader and must find the same: the log is recognised by it.
    stored_batches.install()
    [stored_batch] = ToolMemoryRecords(frame)
    seen = [(record.offset, record.key, record.value) for record in stored_batch if record.offset >= at]
    assert seen == [(record.offset, record.key, record.value) for record in found]


def test_a_batch_that_the_client_can_read_is_read_only_by_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("pipeline.kafka.fetching.read_batch")
    payload = b"".join(framed(body(number, b"v")) for number in range(1000))
    assert len(read(batch(payload, 1000))[0]) == 1000
    assert isinstance(MemoryRecords(b"").size_in_bytes(), int)
