"""Detection of parts that the embedded engine did not write completely: files whose size differs from the checksums.

The engine ignores errors of `write(2)`. If the disk fills while a part is written, it commits a part with truncated or
empty files, acknowledges the insert, and drops the sources of a merge.
"""

import os
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cramjam

from pipeline.embedded.chdb_server.listings import Listings, read_names

_PART = re.compile(r"(?P<partition>.+)_(?P<first>\d+)_(?P<last>\d+)_\d+(?:_\d+)?")
_HEADER = b"checksums format version: 4\n"
_HASH_BYTES = 16
_PLAIN, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_DROPPED = b"2"
_PROJECTION = ".proj"


class Part(NamedTuple):
    """A part of a table in the data directory."""

    table: Path
    name: str

    @property
    def is_inserted(self) -> bool:
        """Whether it holds the rows of one insert, at any level: a single block that no other part has."""
        _, first, last = self._block(self.name)
        return first == last and not self.has_sources

    @property
    def has_sources(self) -> bool:
        """Whether the parts it was merged from still exist: parts with the first and with the last of its blocks."""
        partition, first, last = self._block(self.name)
        others = [self._block(name) for name in _part_names(read_names(self.table)) if name != self.name]
        within = [other for other in others if other[0] == partition and first <= other[1] <= other[2] <= last]
        return {first, last} <= {block for other in within for block in other[1:3]}

    @staticmethod
    def _block(name: str) -> tuple[str, int, int]:
        """Return partition, first and last block."""
        match = _PART.fullmatch(name)
        if match is None:
            raise ValueError(f"expected the name of a part, got {name}")
        return match["partition"], int(match["first"]), int(match["last"])


class Parts:
    """The parts in a data directory, each checked once. Not thread-safe."""

    def __init__(self, data: Path) -> None:
        self._store = f"{data}/store"
        self._listings = Listings()
        self._whole: dict[str, set[str]] = {}

    def damaged(self) -> list[Part]:
        """Return the damaged ones of the parts added since the last call. Raises OSError."""
        self._listings.begin()
        return [part for table in self._tables() for part in self._damaged_of(table)]

    def dismiss(self, part: Part) -> None:
        """Do not check a part again."""
        self._whole[str(part.table)].add(part.name)

    def _tables(self) -> Iterator[str]:
        for prefix in self._listings.names(self._store):
            directory = f"{self._store}/{prefix}"
            for name in self._listings.names(directory):
                yield f"{directory}/{name}"

    def _damaged_of(self, table: str) -> Iterator[Part]:
        parts = _part_names(self._listings.names(table))
        whole = self._whole.get(table, set()) & parts
        self._whole[table] = whole
        for name in parts - whole:
            part = Part(Path(table), name)
            if is_whole(part.table / name):
                whole.add(name)
            else:
                yield part


def is_whole(part: Path) -> bool:
    """Return whether each file, also of projections, has its expected size. True for a part that is being removed."""
    try:
        sizes = {entry.name: entry.stat().st_size for entry in os.scandir(part) if entry.is_file()}
        content = (part / "checksums.txt").read_bytes()
    except FileNotFoundError:
        return not part.exists()
    try:
        expected = _expected_sizes(content)
    except (ValueError, IndexError, struct.error, cramjam.DecompressionError):
        return False
    projections = {name for name in expected if name.endswith(_PROJECTION)}
    return (
        all(sizes.get(name) == expected[name] for name in expected.keys() - projections)
        and all(size > 0 for name, size in sizes.items() if name not in expected)
        and all(_is_whole_projection(part, name) for name in projections)
    )


def _is_whole_projection(part: Path, name: str) -> bool:
    """Return whether a projection, a part within a part, exists and is whole. True for a part being removed."""
    return (is_whole(part / name) and (part / name).exists()) or not part.exists()


def _expected_sizes(content: bytes) -> dict[str, int]:
    """Return file sizes by name, from `checksums.txt`. Raises various errors if that is truncated: see `is_whole`."""
    if not content.startswith(_HEADER):
        raise ValueError("expected checksums of version 4")
    at = len(_HEADER) + _HASH_BYTES
    method, _, size = struct.unpack_from("<BII", content, at)
    if method not in (_PLAIN, _LZ4, _ZSTD):
        raise ValueError(f"expected checksums that are plain, LZ4 or ZSTD, found method {method}")
    text = content[at + struct.calcsize("<BII") :]
    if method == _LZ4:
        text = bytes(cramjam.lz4.decompress_block(text, output_len=size))
    elif method == _ZSTD:
        text = bytes(cramjam.zstd.decompress(text))
    sizes = {}
    count, at = _number(text, 0)
    for _ in range(count):
        length, at = _number(text, at)
        name = text[at : at + length].decode()
        size, at = _number(text, at + length)
        at += _HASH_BYTES
        if text[at]:
            _, at = _number(text, at + 1)
            at += _HASH_BYTES
        else:
            at += 1
        sizes[name] = size
    return sizes


def _number(text: bytes, at: int) -> tuple[int, int]:
    """Return a varint (seven bits per byte) and the position after it."""
    number = shift = 0
    while True:
        byte = text[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def allow_again(part: Part) -> None:
    """Allow the insert of a damaged part to be repeated, by marking its deduplication token as dropped.

    Overwrites one byte in place, which needs no disk space. The engine reads it when the table is attached.
    """
    line = re.compile(rb"^1(?=\t" + re.escape(part.name.encode()) + rb"\t)", re.MULTILINE)
    logs = part.table / "deduplication_logs"
    for name in read_names(logs):
        with (logs / name).open("r+b") as file:
            for match in line.finditer(file.read()):
                file.seek(match.start())
                file.write(_DROPPED)


def _part_names(names: Iterable[str]) -> set[str]:
    return {name for name in names if _PART.fullmatch(name) and not name.startswith(("tmp", "delete_tmp"))}
