"""How the tools read batches (kafka-python): always by the tolerant reader, so that no record ends them."""

from collections.abc import Iterator
from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch

from pipeline.kafka.record_batch import read_batch


class TolerantBatch(DefaultRecordBatch):  # type: ignore[misc]  # the client has no types
    """A batch of records; what cannot be read has neither key nor value, as the workers have it."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        if self.is_control_batch:
            yield from super().__iter__()
            return
        if self.compression_type:
            self._assert_has_codec(self.compression_type)
        for found in read_batch(bytes(self._buffer)):
            size = len(found.key or b"") + len(found.value or b"")
            yield DefaultRecord(
                size, found.offset, found.timestamp, found.timestamp_type, found.key, found.value, list(found.headers)
            )


def install() -> None:
    """Let every consumer of this process read tolerantly."""
    memory_records.DefaultRecordBatch = TolerantBatch
