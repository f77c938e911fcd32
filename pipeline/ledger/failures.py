"""Records over which workers fail: which they are, found out from start to start, and which are set aside.

The first worker to fail knows only what it had at work: a thousand records, or all of a flush. It leaves word in
ClickHouse; the next one takes those in small portions, and so finds the one. `sichtflug skip` sets that aside.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.ledger.checkpoints import of_partition

FOLD, FLUSH = "fold", "flush"
#: A flush takes some hundredths of a second, so more than these would keep people waiting.
FLUSHES = 1_000


class Suspects(NamedTuple):
    """Records of which one ended a worker: while they were folded, or while their rows were encoded and written."""

    stage: str
    first_offset: int
    last_offset: int

    def concern(self, records: Sequence[Any]) -> bool:
        """Whether one of these may be it."""
        return bool(records[0].offset <= self.last_offset and records[-1].offset >= self.first_offset)

    def portions(self, records: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """The records, those that are suspect in small portions."""
        size = 1 if self.stage == FOLD else max(1, (self.last_offset - self.first_offset + 1) // FLUSHES)
        step = size if self.concern(records) else len(records)
        yield from (records[start : start + step] for start in range(0, len(records), step))


class PartitionFailedError(Exception):
    """A worker's error over records of a partition. The message says which, and what to do; the cause is the error."""

    def __init__(
        self, log: str, partition: int, epoch: int, suspects: Suspects, before: Suspects | None, cause: BaseException
    ) -> None:
        self.log, self.partition, self.epoch, self.suspects = log, partition, epoch, suspects
        self.kind = type(cause).__name__
        first, last = suspects.first_offset, suspects.last_offset
        if first != last:
            super().__init__(
                f"{log}[{partition}]: the {suspects.stage} of the records at offsets {first} to {last} failed with "
                f"{self.kind}. Start the worker again: it will find out which of them it is"
            )
            return
        times = "again " if before and before.first_offset <= first <= before.last_offset else ""
        super().__init__(
            f"{log}[{partition}]@{first}: the {suspects.stage} of this record failed {times}with {self.kind}. This is "
            "a defect of ours, please report it. To go on without the record, as a dead letter, run: sichtflug skip "
            f"--topic {log} --partition {partition} --offset {first} --why ... and start the worker again"
        )


class Known(msgspec.Struct, frozen=True):
    """What ClickHouse knows about a partition: why which offsets are set aside, and over what a worker failed."""

    skips: Mapping[int, str] = {}
    suspects: Suspects | None = None


def known(client: ClickHouse, log: str, partition: int, epoch: int, next_offset: int) -> Known:
    """What concerns the records from an offset on, and the one before it. Raises what ClickHouse raises."""
    mine = f"{of_partition(log, partition)} AND epoch = {epoch}"
    skips = client.rows(
        f"SELECT kafka_offset, why FROM skips FINAL WHERE {mine} AND kafka_offset >= {max(0, next_offset - 1)}"
    )
    found = client.rows(
        f"SELECT stage, first_offset, last_offset FROM failures FINAL WHERE {mine} AND last_offset >= {next_offset}"
    )
    suspects = Suspects(str(found[0][0]), int(found[0][1]), int(found[0][2])) if found else None
    return Known({int(offset): str(why) for offset, why in skips}, suspects)


def leave_word(client: ClickHouse, error: PartitionFailedError) -> None:
    """For the next worker."""
    suspects = error.suspects
    client.execute(
        "INSERT INTO failures (log, epoch, kafka_partition, stage, first_offset, last_offset, error) VALUES "
        f"({quoted(error.log)}, {error.epoch}, {error.partition}, {quoted(suspects.stage)}, {suspects.first_offset}, "
        f"{suspects.last_offset}, {quoted(error.kind)})"
    )
