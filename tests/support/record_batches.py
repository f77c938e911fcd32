"""Record batches as Kafka stores them (format v2), with any content, written from the protocol's description."""

import gzip
import struct
from collections.abc import Callable, Sequence

import cramjam
from aiokafka.record.util import calc_crc32c

CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (0, bytes),
    "gzip": (1, gzip.compress),
    "snappy": (2, lambda payload: bytes(cramjam.snappy.compress_raw(payload))),
    "lz4": (3, lambda payload: bytes(cramjam.lz4.compress(payload))),
    "zstd": (4, lambda payload: bytes(cramjam.zstd.compress(payload))),
}


def number(value: int) -> bytes:
    """Return a variable-length number, zigzag encoded."""
    left = ((value << 1) ^ (value >> 63)) & ((1 << 64) - 1)
    found = bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*found, left])


def text(value: bytes | None) -> bytes:
    """Return bytes preceded by their length; null has the length -1."""
    return number(-1) if value is None else number(len(value)) + value


def body(
    offset_delta: int,
    value: bytes | None,
    key: bytes | None = b"k",
    headers: Sequence[tuple[bytes | None, bytes | None]] = (),
    elapsed_ms: int = 0,
) -> bytes:
    """Return the body of a record, without its length."""
    told = b"".join(text(name) + text(content) for name, content in headers)
    return b"\0" + number(elapsed_ms) + number(offset_delta) + text(key) + text(value) + number(len(headers)) + told


def framed(record: bytes, length: int | None = None) -> bytes:
    """Return a record preceded by its length, or by a wrong one."""
    return number(len(record) if length is None else length) + record


def batch(
    payload: bytes,
    count: int,
    base: int = 0,
    codec: str = "none",
    last_offset_delta: int | None = None,
    first_at: int = 1_700_000_000_000,
    attributes: int = 0,
    crc: int | None = None,
) -> bytes:
    """Return a batch around the bytes of its records, compressing them here."""
    number_of_codec, compress = CODECS[codec]
    return sealed(
        compress(payload),
        count,
        base,
        number_of_codec | attributes,
        count - 1 if last_offset_delta is None else last_offset_delta,
        first_at,
        crc,
    )


def sealed(
    compressed: bytes, count: int, base: int, attributes: int, last_offset_delta: int, first_at: int, crc: int | None
) -> bytes:
    """Return a batch of already compressed bytes, with a valid checksum unless another is given."""
    checked = struct.pack(">hiqqqhii", attributes, last_offset_delta, first_at, first_at, -1, -1, -1, count)
    checked += compressed
    checksum = calc_crc32c(checked) if crc is None else crc
    return struct.pack(">qiibI", base, 9 + len(checked), 0, 2, checksum) + checked
