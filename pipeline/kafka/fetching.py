"""Decoding of fetched batches: by the client's fast reader, and by the tolerant reader where that fails.

The client reads a batch record by record, and an unreadable record would crash the worker at each start; here the
tolerant reader takes over at that record. Faults that no record causes (a wrong checksum, an unknown compression) still
end the worker, with an error that names the offset.
"""

import logging
from collections.abc import Collection, Iterator
from struct import error as StructError  # noqa: N812
from typing import Any, ClassVar

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from pipeline.contract.records import UnreadableRecord
from pipeline.errors import BrokerError
from pipeline.kafka.record_batch import FORMAT_V2, is_known_codec, read_batch

logger = logging.getLogger(__name__)

#: Sizes within a batch header: up to the length field, including it, and up to the magic byte. The length excludes
#: the first `FRAME_OVERHEAD` bytes.
OFFSET_BYTES, FRAME_OVERHEAD, MAGIC_BYTES = 8, 12, 16


class UnreadableBatchError(BrokerError):
    """A stored batch is damaged or of an unknown kind. The message says where, and what to do."""


class FramedRecords:
    """The batches of a fetch, each with its bytes. Replaces the client's `MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = fetched
        self._batches = MemoryRecords(fetched)
        self._start = self._end = 0
        self.has_next = self._batches.has_next
        self.size_in_bytes = self._batches.size_in_bytes

    def next_batch(self) -> Any:
        """Return the next batch, decoded by the client. Raises the client's errors."""
        self._start = self._end
        length = self._fetched[self._start + OFFSET_BYTES : self._start + FRAME_OVERHEAD]
        self._end = self._start + FRAME_OVERHEAD + int.from_bytes(length, "big", signed=True)
        return self._batches.next_batch()

    def is_format_v2(self) -> bool:
        """Return whether the current batch has the format of Kafka 0.11 and later."""
        return self._fetched[self._start + MAGIC_BYTES] >= FORMAT_V2

    def frame(self) -> bytes:
        """Return the bytes of the current batch."""
        return bytes(self._fetched[self._start : self._end])


class TolerantRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # the client has no types
    """The records of a fetch of one partition, including unreadable ones. Replaces the client's `PartitionRecords`."""

    next_fetch_offset: int
    #: Offsets to skip, by topic and partition: a damaged batch that contains one of them is skipped.
    skipped: ClassVar[dict[tuple[str, int], Collection[int]]] = {}

    def _unpack_records(self) -> Iterator[Any]:
        records: FramedRecords = self._records
        while records.has_next():
            try:
                batch = records.next_batch()
            except (CorruptRecordException, StructError) as error:
                raise self._damaged(f"a batch that is none ({error})") from error
            next_offset = batch.next_offset
            if fault := self._fault(batch, records):
                yield from self._skipped(next_offset, records.frame(), fault)
            elif self._is_wanted(batch):
                yield from self._read(batch, next_offset, records)
            # A batch that claims to end before it begins must not be fetched again for ever.
            self.next_fetch_offset = max(self.next_fetch_offset, next_offset)

    def _fault(self, batch: Any, records: FramedRecords) -> str:
        """Return the fault of a batch that no record can have caused; '' if there is none."""
        if self._check_crcs and not batch.validate_crc():
            return "a batch whose checksum does not fit"
        if records.is_format_v2() and not is_known_codec(batch.attributes):
            return f"a batch of the unknown compression {batch.compression_type}"
        return ""

    def _is_wanted(self, batch: Any) -> bool:
        """Return whether a batch holds committed records. Also tracks aborted transactions."""
        if self._isolation_level == fetcher.READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._is_abort(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return False
        return not batch.is_control_batch

    def _is_abort(self, batch: Any) -> bool:
        try:
            return bool(self._contains_abort_marker(batch))
        except Exception as error:
            logger.warning("%s[%d]@%d: an unreadable control batch: %r", *self._tp, batch.base_offset, error)
            return False

    def _read(self, batch: Any, next_offset: int, records: FramedRecords) -> Iterator[Any]:
        """Yield the records of a batch from the next offset on: by the client's reader, then by the tolerant one."""
        tp = self._tp
        expected = self.next_fetch_offset if not records.is_format_v2() else batch.base_offset
        try:
            for record in batch:
                offset = record.offset
                if not expected <= offset < next_offset:
                    raise CorruptRecordException(f"expected an offset from {expected} on, found {offset}")
                expected = offset + 1
                if offset >= self.next_fetch_offset:
                    self.next_fetch_offset = expected
                    yield self._consumer_record(tp, record)
        except Exception as error:
            if not records.is_format_v2():
                yield from self._skipped(next_offset, records.frame(), f"records of an old format ({error})")
                return
            for record in read_batch(records.frame()):
                if record.offset >= self.next_fetch_offset:
                    self.next_fetch_offset = record.offset + 1
                    if isinstance(record, UnreadableRecord):
                        logger.warning("%s[%d]@%d: unreadable: %s", *tp, record.offset, record.fault)
                        yield record
                    else:
                        yield self._consumer_record(tp, record)

    def _skipped(self, next_offset: int, frame: bytes, fault: str) -> Iterator[UnreadableRecord]:
        """Yield one record for each offset of a damaged batch that is to be skipped. Raises if there is none."""
        begin, end = self.next_fetch_offset, max(next_offset, self.next_fetch_offset + 1)
        offsets = sorted(offset for offset in self.skipped.get(self._tp, ()) if begin <= offset < end)
        if not offsets:
            raise self._damaged(fault)
        for offset in offsets:
            self.next_fetch_offset = offset + 1
            yield UnreadableRecord(offset, 0, 0, frame, f"expected records, found {fault}")

    def _damaged(self, fault: str) -> UnreadableBatchError:
        topic, partition = self._tp
        offset = self.next_fetch_offset
        return UnreadableBatchError(
            f"{topic}[{partition}]@{offset}: expected a batch of records, the broker gave {fault}. No producer "
            "can cause that: look at the broker's disks and its version. If it cannot be repaired there, skip it by: "
            f"sichtflug skip --topic {topic} --partition {partition} --offset {offset} --why ..."
        )


def install() -> None:
    """Make every consumer created in this process from now on read tolerantly."""
    fetcher.MemoryRecords = FramedRecords
    fetcher.PartitionRecords = TolerantRecords
