"""Records that crash a worker: narrowed down from start to start, and skipped on request.

The first worker to fail knows only the range it was processing: a thousand records, or all of a flush. It stores that
in ClickHouse; the next worker processes the range in small portions and so finds the record. `sichtflug skip` then
excludes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.ledger.checkpoints import of_partition

FOLD, FLUSH = "fold", "flush"
#: At most this many portions of a failed flush, because each is flushed on its own, in a few hundredths of a second.
FLUSHES = 1_000


class Suspects(NamedTuple):
    """A range of records, one of which crashed a worker: in the fold, or in a flush (encoding and writing of rows)."""

    stage: str
    first_offset: int
    last_offset: int

    def concern(self, records: Sequence[Any]) -> bool:
        """Return whether one of these records is in the range."""
        return bool(records[0].offset <= self.last_offset and records[-1].offset >= self.first_offset)

    def portions(self, records: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """Yield the records: in small portions if some are in the range, else together."""
        size = 1 if self.stage == FOLD else max(1, (self.last_offset - self.first_offset + 1) // FLUSHES)
        step = size if self.concern(records) else len(records)
        yield from (records[start : start + step] for start in range(0, len(records), step))


class PartitionFailedError(Exception):
    """A worker's failure on records of a partition. The message says which, and what to do."""

    def __init__(
        self, log: str, partition: int, epoch: int, suspects: Suspects, before: Suspects | None, cause: BaseException
    ) -> None:
        self.log, self.partition, self.epoch, self.suspects = log, partition, epoch, suspects
        self.kind = type(cause).__name__
        first, last = suspects.first_offset, suspects.last_offset
        if first != last:
            super().__init__(
                f"{log}[{partition}]: the {suspects.stage} of the records at offsets {first} to {last} failed with "
                f"{self.kind}. Start the worker again: it will find out which of them is the cause"
            )
            return
        times = "again " if before and before.first_offset <= first <= before.last_offset else ""
        super().__init__(
            f"{log}[{partition}]@{first}: the {suspects.stage} of this record failed {times}with {self.kind}. This is "
            "a defect in sichtflug, please report it. To go on without the record, as a dead letter, run: sichtflug "
            f"skip --topic {log} --partition {partition} --offset {first} --why ... and start the worker again"
        )


class Known(msgspec.Struct, frozen=True):
    """The stored failures of a partition: the reason for each skipped offset, and the suspects."""

    skips: Mapping[int, str] = {}
    suspects: Suspects | None = None


def known(client: ClickHouse, log: str, partition: int, epoch: int, next_offset: int) -> Known:
    """Return the known failures from `next_offset` on, and skips from the offset before it.

    Raises the errors of the ClickHouse client.
    """
    mine = f"{of_partition(log, partition)} AND epoch = {epoch}"
    skips = client.rows(
        f"SELECT kafka_offset, why FROM skips FINAL WHERE {mine} AND kafka_offset >= {max(0, next_offset - 1)}"
    )
    failures = client.rows(
        f"SELECT stage, first_offset, last_offset FROM failures FINAL WHERE {mine} AND last_offset >= {next_offset}"
    )
    suspects = Suspects(str(failures[0][0]), int(failures[0][1]), int(failures[0][2])) if failures else None
    return Known({int(offset): str(why) for offset, why in skips}, suspects)


def record_failure(client: ClickHouse, error: PartitionFailedError) -> None:
    """Store a failure for the next worker."""
    suspects = error.suspects
    client.execute(
        "INSERT INTO failures (log, epoch, kafka_partition, stage, first_offset, last_offset, error) VALUES "
        f"({quoted(error.log)}, {error.epoch}, {error.partition}, {quoted(suspects.stage)}, {suspects.first_offset}, "
        f"{suspects.last_offset}, {quoted(error.kind)})"
    )
