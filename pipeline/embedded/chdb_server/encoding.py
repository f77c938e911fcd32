"""Content encodings of request bodies and answers: gzip, deflate, zstd, lz4 and br.

Decoding a truncated body raises, whatever the encoding. Bodies of several frames or members are read to their end,
because clickhouse-connect compresses each block separately.
"""

import gzip
import io
import zlib
from collections.abc import Callable

import cramjam

#: Of a decoded body, against decompression bombs.
MAX_CONTENT_BYTES = 1 << 30
_LEAST_BUFFER_BYTES = 1 << 16
_BUFFER_IS_FULL = "failed to write whole buffer"


class EncodingError(ValueError):
    """A body does not match its Content-Encoding, or the encoding is unknown."""


def decoded(body: bytes, encoding: str, most_bytes: int = MAX_CONTENT_BYTES) -> bytes:
    """Return the decoded `body`; unchanged for the encodings "" and "identity". Raises EncodingError."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    try:
        content = _decoded(body, name, most_bytes)
    except (OSError, EOFError, zlib.error, cramjam.DecompressionError) as error:
        raise EncodingError(
            f"expected a whole body in {encoding}, found {len(body)} bytes that are not: {error}"
        ) from None
    if content is None:
        raise EncodingError(f"expected Content-Encoding gzip, deflate, zstd, lz4 or br, found {encoding!r}")
    if len(content) > most_bytes:
        raise EncodingError(
            f"expected at most {most_bytes} bytes once decoded, found more in {len(body)} of {encoding}"
        )
    return content


def _decoded(body: bytes, name: str, most_bytes: int) -> bytes | None:
    """Return the content, at most one byte more than `most_bytes`; None for an unknown encoding."""
    match name:
        case "gzip" | "x-gzip":
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
                return file.read(most_bytes + 1)
        case "deflate":
            inflater = zlib.decompressobj()
            content = inflater.decompress(body, most_bytes + 1)
            if not inflater.eof and len(content) <= most_bytes:
                raise EOFError("it ends early")
            return content
        case "zstd":
            return _into_buffer(cramjam.zstd.decompress_into, body, most_bytes)
        case "lz4":
            return _into_buffer(cramjam.lz4.decompress_into, body, most_bytes)
        case "br":
            return _into_buffer(cramjam.brotli.decompress_into, body, most_bytes)
    return None


def _into_buffer(decompress_into: Callable[[bytes, bytearray], int], body: bytes, most_bytes: int) -> bytes:
    """Decompress into a buffer that grows to at most one byte more than `most_bytes`."""
    size = min(most_bytes + 1, 8 * len(body) + _LEAST_BUFFER_BYTES)
    while True:
        buffer = bytearray(size)
        try:
            length = decompress_into(body, buffer)
        except cramjam.DecompressionError as error:
            if _BUFFER_IS_FULL not in str(error):
                raise
            if size > most_bytes:
                return bytes(buffer)
            size = min(most_bytes + 1, 4 * size)
        else:
            return bytes(memoryview(buffer)[:length])


def encoded(body: bytes, accepted: str) -> tuple[bytes, str]:
    """Return `body` in the cheapest encoding that the Accept-Encoding header `accepted` allows, and its name or ""."""
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
