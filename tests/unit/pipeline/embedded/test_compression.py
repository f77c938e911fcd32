"""The checksum of compressed blocks equals ClickHouse's."""

import pytest

from pipeline.embedded.chdb_server.compression import city_hash_128


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        # Computed with the CityHash of ClickHouse's Java client.
        (b"12345678", "f3d96fdda657771d187a84c3f9a08272"),
        (b"1234567890", "6806b59f7584f471f2bf67902d5958f7"),
        (bytes(range(40)), "abdca2f867361920f3ed11ac71746928"),
        (bytes(range(256)), "9b5a34c07eb07b3293bd37b05cef45fb"),
    ],
)
def test_the_checksum_of_compressed_blocks_is_clickhouses(data: bytes, checksum: str) -> None:
    assert city_hash_128(data).hex() == checksum
