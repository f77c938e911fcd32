"""ClickHouse's own compressed blocks, which clients request with `compress=1` (JDBC does by default).

A block is a 16-byte checksum, one byte for the method (0x82: LZ4), then as little-endian 32-bit numbers the compressed
size with these nine bytes and the size of the content, then the LZ4 block. The checksum is CityHash128 of what follows
it, in version 1.0.2, to which ClickHouse is pinned. In Python it takes 0.03 s per megabyte of compressed answer, which
suffices for clients that support nothing else. Large reads should use Accept-Encoding.

CityHash is by Geoff Pike and Jyrki Alakuijala, Google Inc., 2011, MIT licence; implemented here from its definition.
"""

import struct

import cramjam

BLOCK_BYTES = 1 << 20
_LZ4 = 0x82
_HEADER = struct.Struct("<BII")

_MASK = (1 << 64) - 1
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
_K3 = 0xC949D7C7509E6557
_MULTIPLIER = 0x9DDFEA08EB382D69
_SEED_BYTES = 16


def as_blocks(content: bytes) -> bytes:
    """Return `content` as a sequence of compressed blocks, none for no content."""
    blocks = []
    for start in range(0, len(content), BLOCK_BYTES):
        plain = content[start : start + BLOCK_BYTES]
        packed = bytes(cramjam.lz4.compress_block(plain, store_size=False))
        block = _HEADER.pack(_LZ4, _HEADER.size + len(packed), len(plain)) + packed
        blocks.append(city_hash_128(block) + block)
    return b"".join(blocks)


def city_hash_128(data: bytes) -> bytes:
    """Return CityHash128, version 1.0.2, as 16 bytes: low half, then high half. `data` has at least 8 bytes."""
    if len(data) < 8:
        raise ValueError(f"expected at least 8 bytes (a block's header has 9), found {len(data)}")
    if len(data) < _SEED_BYTES:
        low = _fetch(data, 0) ^ (len(data) * _K0 & _MASK)
        high = _fetch(data, len(data) - 8) ^ _K1
        return struct.pack("<QQ", *_short(b"", low, high))
    low, high = _fetch(data, 0) ^ _K3, _fetch(data, 8)
    rest = data[_SEED_BYTES:]
    return struct.pack("<QQ", *(_short if len(rest) < 128 else _long)(rest, low, high))


def _short(data: bytes, a: int, b: int) -> tuple[int, int]:
    length = len(data)
    if length <= 16:
        a = _mix(a * _K1 & _MASK) * _K1 & _MASK
        c = (b * _K1 + _up_to_16(data)) & _MASK
        d = _mix((a + (_fetch(data, 0) if length >= 8 else c)) & _MASK)
    else:
        c = _pair((_fetch(data, length - 8) + _K1) & _MASK, a)
        d = _pair((b + length) & _MASK, (c + _fetch(data, length - 16)) & _MASK)
        a = (a + d) & _MASK
        for start in range(0, length - 16, 16):
            a = (a ^ _mix(_fetch(data, start) * _K1 & _MASK) * _K1 & _MASK) * _K1 & _MASK
            b ^= a
            c = (c ^ _mix(_fetch(data, start + 8) * _K1 & _MASK) * _K1 & _MASK) * _K1 & _MASK
            d ^= c
    a = _pair(a, c)
    b = _pair(d, b)
    return a ^ b, _pair(b, a)


def _long(data: bytes, x: int, y: int) -> tuple[int, int]:
    z = len(data) * _K1 & _MASK
    v0 = (_rotated(y ^ _K1, 49) * _K1 + _fetch(data, 0)) & _MASK
    v1 = (_rotated(v0, 42) * _K1 + _fetch(data, 8)) & _MASK
    w0 = (_rotated((y + z) & _MASK, 35) * _K1 + x) & _MASK
    w1 = _rotated((x + _fetch(data, 88)) & _MASK, 53) * _K1 & _MASK
    end = len(data) // 128 * 128
    for words in struct.iter_unpack("<8Q", memoryview(data)[:end]):
        x = _rotated((x + y + v0 + words[2]) & _MASK, 37) * _K1 & _MASK
        y = _rotated((y + v1 + words[6]) & _MASK, 42) * _K1 & _MASK
        x ^= w1
        y ^= v0
        z = _rotated(z ^ w0, 33)
        v0, v1 = _weak(words[0], words[1], words[2], words[3], v1 * _K1 & _MASK, (x + w0) & _MASK)
        w0, w1 = _weak(words[4], words[5], words[6], words[7], (z + w1) & _MASK, y)
        x, z = z, x
    y = (y + _rotated(w0, 37) * _K0 + z) & _MASK
    x = (x + _rotated((v0 + z) & _MASK, 49) * _K0) & _MASK
    # The rest in steps of 32 bytes from the end; the last step may overlap with what was already hashed.
    for start in range(len(data) - 32, end - 32, -32):
        last: tuple[int, int, int, int] = struct.unpack_from("<4Q", data, start)
        y = (_rotated((y - x) & _MASK, 42) * _K0 + v1) & _MASK
        w0 = (w0 + last[2]) & _MASK
        x = (_rotated(x, 49) * _K0 + w0) & _MASK
        w0 = (w0 + v0) & _MASK
        v0, v1 = _weak(*last, v0, v1)
    x = _pair(x, v0)
    y = _pair(y, w0)
    return (_pair((x + v1) & _MASK, w1) + y) & _MASK, _pair((x + w1) & _MASK, (y + v1) & _MASK)


def _up_to_16(data: bytes) -> int:
    length = len(data)
    if length > 8:
        last = _fetch(data, length - 8)
        return _pair(_fetch(data, 0), _rotated((last + length) & _MASK, length)) ^ last
    if length >= 4:
        first, last = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, length - 4)[0]
        return _pair(length + (first << 3), last)
    if length > 0:
        low, high = data[0] + (data[length >> 1] << 8), length + (data[length - 1] << 2)
        return _mix((low * _K2 ^ high * _K3) & _MASK) * _K2 & _MASK
    return _K2


def _fetch(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 8], "little")


def _rotated(value: int, bits: int) -> int:
    return (value >> bits | value << 64 - bits) & _MASK


def _mix(value: int) -> int:
    return value ^ value >> 47


def _pair(low: int, high: int) -> int:
    a = _mix((low ^ high) * _MULTIPLIER & _MASK)
    return _mix((high ^ a) * _MULTIPLIER & _MASK) * _MULTIPLIER & _MASK


def _weak(w: int, x: int, y: int, z: int, a: int, b: int) -> tuple[int, int]:
    a = (a + w) & _MASK
    b = _rotated((b + a + z) & _MASK, 21)
    total = (a + x + y) & _MASK
    return (total + z) & _MASK, (b + _rotated(total, 44) + a) & _MASK
