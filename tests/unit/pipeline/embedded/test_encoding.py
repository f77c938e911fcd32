"""Compressed bodies are decoded up to a limit."""

import gzip
import zlib

import cramjam
import pytest

from pipeline.embedded.chdb_server.encoding import EncodingError, decoded


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4", "br"])
def test_a_small_body_cannot_expand_beyond_the_limit(encoding: str) -> None:
    zeros = bytes(3 << 20)
    packed = {
        "gzip": lambda: gzip.compress(zeros),
        "deflate": lambda: zlib.compress(zeros),
        "zstd": lambda: bytes(cramjam.zstd.compress(zeros)),
        "lz4": lambda: bytes(cramjam.lz4.compress(zeros)),
        "br": lambda: bytes(cramjam.brotli.compress(zeros)),
    }[encoding]()
    assert decoded(packed, encoding, len(zeros)) == zeros
    with pytest.raises(EncodingError, match=f"at most {len(zeros) - 1} bytes"):
        decoded(packed, encoding, len(zeros) - 1)
