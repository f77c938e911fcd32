"""How fetched batches become records: by the client's fast reader, and by our own where that gives up.

The client reads a batch record by record. The first one that it cannot read would end the worker, at each start; here
the tolerant reader goes on from there. What is no record's fault ends the worker all the same, and says where: a
checksum that does not fit, and a compression that nobody knows.
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

#: Of a batch, up to and with its length; the length counts what comes behind it.
OFFSET_BYTES, FRAME_OVERHEAD, MAGIC_BYTES = 8, 12, 16


class UnreadableBatchError(BrokerError):
    """What the broker stores is damaged, or of a kind that we do not know. The message says where, and what to do."""


class FramedRecords:
    """The batches of a fetch, each with its bytes. In place of the client's class of the same use."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = fetched
        self._batches = MemoryRecords(fetched)
        self._start = self._end = 0
        self.has_next = self._batches.has_next
        self.size_in_bytes = self._batches.size_in_bytes

    def next_batch(self) -> Any:
        """The next batch as the client has it. Raises what it raises."""
        self._start = self._end
        length = self._fetched[self._start + OFFSET_BYTES : self._start + FRAME_OVERHEAD]
        self._end = self._start + FRAME_OVERHEAD + int.from_bytes(length, "big", signed=True)
        return self._batches.next_batch()

    def is_format_v2(self) -> bool:
        """Whether the batch that came last is of the format that Kafka has had since 0.11."""
        return self._fetched[self._start + MAGIC_BYTES] >= FORMAT_V2

    def frame(self) -> bytes:
        """The bytes of the batch that came last."""
        return bytes(self._fetched[self._start : self._end])


class TolerantRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # the client has no types
    """The records of a fetch of one partition, unreadable ones among them. In place of the client's class."""

    next_fetch_offset: int
    #: Offsets that are set aside, by topic and partition: a damaged batch is passed over where it holds one of them.
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
                yield from self._passed_over(next_offset, records.frame(), fault)
            elif self._is_wanted(batch):
                yield from self._read(batch, next_offset, records)
            # A batch that claims to end before it begins must not be fetched for ever.
            self.next_fetch_offset = max(self.next_fetch_offset, next_offset)

    def _fault(self, batch: Any, records: FramedRecords) -> str:
        """What is wrong with a batch that is not of a record's making; '' where nothing is."""
        if self._check_crcs and not batch.validate_crc():
            return "a batch whose checksum does not fit"
        if records.is_format_v2() and not is_known_codec(batch.attributes):
            return f"a batch of the unknown compression {batch.compression_type}"
        return ""

    def _is_wanted(self, batch: Any) -> bool:
        """Whether a batch holds records that are committed. Keeps the books of transactions on the way."""
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
            logger.warning("%s[%d]@%d: a control batch that says nothing: %r", *self._tp, batch.base_offset, error)
            return False

    def _read(self, batch: Any, next_offset: int, records: FramedRecords) -> Iterator[Any]:
        """The records of a batch from the next offset on: by the client's reader, then by the tolerant one."""
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
                yield from self._passed_over(next_offset, records.frame(), f"records of an old format ({error})")
                return
            for found in read_batch(records.frame()):
                if found.offset >= self.next_fetch_offset:
                    self.next_fetch_offset = found.offset + 1
                    if isinstance(found, UnreadableRecord):
                        logger.warning("%s[%d]@%d: unreadable: %s", *tp, found.offset, found.fault)
                        yield found
                    else:
                        yield self._consumer_record(tp, found)

    def _passed_over(self, next_offset: int, frame: bytes, fault: str) -> Iterator[UnreadableRecord]:
        """A damaged batch as one record for each of its offsets that somebody has set aside. Else raises."""
        begin = self.next_fetch_offset
        offsets = sorted(one for one in self.skipped.get(self._tp, ()) if begin <= one < max(next_offset, begin + 1))
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
            "can cause that: look at the broker's disks and its version. If it cannot be mended there, pass over it "
            f"by: sichtflug skip --topic {topic} --partition {partition} --offset {offset} --why ..."
        )


def install() -> None:
    """Let every consumer of this process that is made from now on read tolerantly."""
    fetcher.MemoryRecords = FramedRecords
    fetcher.PartitionRecords = TolerantRecords
