"""A reader of Kafka's record batches (format v2) that tolerates unreadable records.

One bad record makes the client libraries stop reading a log. This reader is slower, and workers use it only for a batch
that their client refuses: it yields every readable record, and an `UnreadableRecord` with the raw bytes for the rest.
"""

from collections.abc import Callable, Iterator
from struct import Struct

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode

from pipeline.contract.records import ReadRecord, UnreadableRecord

#: Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and largest timestamp, producer's
#: id, epoch and sequence, number of records.
HEADER = Struct(">qiibIhiqqqhii")
FORMAT_V2 = 2
CODEC_MASK, STAMPED_BY_BROKER_MASK = 0x07, 0x08
CODECS: dict[int, Callable[[bytes], bytes]] = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}
LONGEST_NUMBER = 10


class _RecordFault(Exception):  # noqa: N818  (a fault of the record, not an error of the program)
    """A fault in a record: what was expected and what was found. Never contains text of the record."""


def is_known_codec(attributes: int) -> bool:
    """Return whether the compression named by a batch's attributes is supported."""
    codec = attributes & CODEC_MASK
    return not codec or codec in CODECS


def read_batch(frame: bytes) -> Iterator[ReadRecord | UnreadableRecord]:
    """Yield the records of a batch, in order of offsets, each offset at most once and within the batch. Raises nothing.

    Header and codec must have been checked before, since no record can cause faults in them.
    """
    header = HEADER.unpack_from(frame)
    base, attributes, last_offset_delta, largest_at, count = header[0], header[5], header[6], header[8], header[12]
    payload = frame[HEADER.size :]
    stamped_by_broker = int(bool(attributes & STAMPED_BY_BROKER_MASK))

    def unreadable(offset: int, raw: bytes, fault: str) -> UnreadableRecord:
        return UnreadableRecord(offset, largest_at, stamped_by_broker, raw, fault)

    codec = attributes & CODEC_MASK
    if codec:
        try:
            payload = bytes(CODECS[codec](payload))
        except Exception as error:
            fault = f"expected {count} compressed records, found what cannot be decompressed: {type(error).__name__}"
            yield unreadable(base, payload, fault)
            return
    first_at = None if stamped_by_broker else header[7]
    reader = _Reader(payload, base, largest_at, first_at, max(0, last_offset_delta), count)
    yield from reader.records(unreadable)


class _Reader:
    """A reader of the decompressed records of one batch."""

    def __init__(
        self, payload: bytes, base: int, largest_at: int, first_at: int | None, last_offset_delta: int, count: int
    ) -> None:
        self._payload = payload
        self._base = base
        self._largest_at = largest_at
        # None where the broker stamped the batch.
        self._first_at = first_at
        self._end = base + last_offset_delta + 1
        self._count = count

    def records(
        self, unreadable: Callable[[int, bytes, str], UnreadableRecord]
    ) -> Iterator[ReadRecord | UnreadableRecord]:
        """Yield every record if the lengths add up; else those before the first fault, and the rest as one."""
        payload = self._payload
        is_framed = self._frame_count() == self._count
        is_complete = self._count == self._end - self._base
        position, number, expected = 0, 0, self._base
        while position < len(payload) and number < self._count and expected < self._end:
            try:
                body, end = self._frame(position)
            except _RecordFault as fault:
                yield unreadable(expected, payload[position:], f"{fault}; with it what follows in its batch")
                return
            try:
                record = self._record(body, end)
                if not expected <= record.offset < self._end:
                    raise _RecordFault(f"expected an offset from {expected} to {self._end - 1}, found {record.offset}")
            except _RecordFault as fault:
                if not is_framed:
                    yield unreadable(expected, payload[position:], f"{fault}; with it what follows in its batch")
                    return
                # Unless compaction has left holes, the index in the batch determines the offset.
                at = self._base + number if is_complete else expected
                yield unreadable(at, payload[position:end], str(fault))
                expected = at + 1
            else:
                yield record
                expected = record.offset + 1
            position, number = end, number + 1
        if (position < len(payload) or number < self._count) and expected < self._end:
            fault_text = f"expected {self._count} records, found {number} and {len(payload) - position} bytes behind"
            yield unreadable(expected, payload[position:], fault_text)

    def _frame_count(self) -> int:
        """Return the number of records by their lengths; -1 if these do not add up to the payload."""
        position = count = 0
        try:
            while position < len(self._payload):
                _, position = self._frame(position)
                count += 1
        except _RecordFault:
            return -1
        return count

    def _frame(self, position: int) -> tuple[int, int]:
        """Return start and end of the body of the record at a position."""
        length, body = _number(self._payload, position, len(self._payload))
        if not 0 <= length <= len(self._payload) - body:
            raise _RecordFault(f"expected a record of at most {len(self._payload) - body} bytes, found {length}")
        return body, body + length

    def _record(self, position: int, end: int) -> ReadRecord:
        payload = self._payload
        _, position = _number(payload, position, end)
        elapsed_ms, position = _number(payload, position, end)
        offset_delta, position = _number(payload, position, end)
        key, position = _bytes(payload, position, end, "a key")
        value, position = _bytes(payload, position, end, "a value")
        header_count, position = _number(payload, position, end)
        if not 0 <= 2 * header_count <= end - position:
            raise _RecordFault(f"expected headers in {end - position} bytes, found {header_count} of them")
        headers = []
        for _ in range(header_count):
            name, position = _bytes(payload, position, end, "a header name")
            if name is None:
                raise _RecordFault("expected a header name, found null")
            text, position = _bytes(payload, position, end, "a header value")
            headers.append((name.decode(errors="backslashreplace"), text))
        if position != end:
            raise _RecordFault(f"expected the record's end behind its headers, found {end - position} bytes more")
        stamped_by_broker = self._first_at is None
        timestamp = self._largest_at if self._first_at is None else _as_int64(self._first_at + elapsed_ms)
        return ReadRecord(self._base + offset_delta, timestamp, int(stamped_by_broker), key, value, headers)


def _number(payload: bytes, position: int, end: int) -> tuple[int, int]:
    """Return a varint (zigzag) and the position after it."""
    encoded = shift = 0
    for place in range(position, min(end, position + LONGEST_NUMBER)):
        byte = payload[place]
        encoded |= (byte & 0x7F) << shift
        if byte < 0x80:
            return _as_int64(encoded >> 1 ^ -(encoded & 1)), place + 1
        shift += 7
    raise _RecordFault("expected a number of variable length, found no end of it")


def _bytes(payload: bytes, position: int, end: int, what: str) -> tuple[bytes | None, int]:
    length, position = _number(payload, position, end)
    if length < 0:
        return None, position
    if length > end - position:
        raise _RecordFault(f"expected {what} of at most {end - position} bytes, found a length of {length}")
    return payload[position : position + length], position + length


def _as_int64(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
