"""Decoding of batches for the tools (kafka-python): always by the tolerant reader, so that no record stops them."""

from collections.abc import Iterator
from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch

from pipeline.kafka.record_batch import read_batch


class TolerantBatch(DefaultRecordBatch):  # type: ignore[misc]  # the client has no types
    """A batch of records. Unreadable ones have neither key nor value, as in the workers."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        if self.is_control_batch:
            yield from super().__iter__()
            return
        if self.compression_type:
            self._assert_has_codec(self.compression_type)
        for record in read_batch(bytes(self._buffer)):
            size = len(record.key or b"") + len(record.value or b"")
            yield DefaultRecord(
                size,
                record.offset,
                record.timestamp,
                record.timestamp_type,
                record.key,
                record.value,
                list(record.headers),
            )


def install() -> None:
    """Make every consumer of this process read tolerantly."""
    memory_records.DefaultRecordBatch = TolerantBatch
