"""Content encodings of request bodies and answers: gzip, deflate, zstd, lz4 and br.

Decoding a body which was cut anywhere raises, whatever the encoding, and bodies made of several frames or members are
read to their end: clickhouse-connect compresses each block on its own.
"""

from __future__ import annotations

import gzip
import zlib

import cramjam


class EncodingError(ValueError):
    """A body that is not what its Content-Encoding says, or an encoding we do not know."""


def decoded(body: bytes, encoding: str) -> bytes:
    """`body` without its Content-Encoding; "" and "identity" leave it as it is. Raises EncodingError."""
    try:
        match encoding.strip().lower():
            case "" | "identity":
                return body
            case "gzip" | "x-gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
            case "zstd":
                return bytes(cramjam.zstd.decompress(body))
            case "lz4":
                return bytes(cramjam.lz4.decompress(body))
            case "br":
                return bytes(cramjam.brotli.decompress(body))
    except (OSError, EOFError, zlib.error, cramjam.DecompressionError) as error:
        raise EncodingError(
            f"expected a whole body in {encoding}, found {len(body)} bytes that are not: {error}"
        ) from None
    raise EncodingError(f"expected Content-Encoding gzip, deflate, zstd, lz4 or br, found {encoding!r}")


def encoded(body: bytes, accepted: str) -> tuple[bytes, str]:
    """`body` in the cheapest encoding that the Accept-Encoding header `accepted` names, and its name ("" for none)."""
    names = {
        name.partition(";")[0].strip().lower() for name in accepted.split(",") if "q=0" not in name.split(";")[-1:]
    }
    if "lz4" in names:
        return bytes(cramjam.lz4.compress(body)), "lz4"
    if "zstd" in names:
        return bytes(cramjam.zstd.compress(body, 1)), "zstd"
    if "gzip" in names:
        return bytes(cramjam.gzip.compress(body, 1)), "gzip"
    return body, ""
