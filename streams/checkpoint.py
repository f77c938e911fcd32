"""The checkpoint: the progress of a partition, and what identifies its log."""

from hashlib import blake2b

import msgspec

from streams.books import Books

OFFSET_BITS = 40
CUSTOMERS = "customers"


class Checkpoint(msgspec.Struct, kw_only=True):
    """The row that states that everything before `next_offset` is in the ledger.

    `last_offset` is the offset of the last record folded, -1 before the first, and `last_record_hash` the BLAKE2b-64 of
    its key and value. `configuration` is the version of the rules, `configuration_number` counts their changes. The
    watermark and `broker_at`, the last usable timestamp of a record, are UTC epoch ms, 0 before the first. `stage` is
    '' for a log of interactions, CUSTOMERS for the topic of customer facts; only there, `positions` has the highest
    position read by partition of the interactions.
    """

    epoch: int
    next_offset: int = 0
    watermark: int = 0
    broker_at: int = 0
    configuration: str = ""
    configuration_number: int = 0
    reporting_zone: str = "UTC"
    partition_count: int = 0
    last_offset: int = -1
    last_record_hash: int = 0
    reason: str = ""
    stage: str = ""
    positions: dict[int, int] = {}
    books: Books = msgspec.field(default_factory=Books)

    @property
    def revision(self) -> int:
        """The revision of every row of a flush up to here; the highest one counts."""
        return revision(self.epoch, self.next_offset)


def revision(epoch: int, next_offset: int) -> int:
    """Return epoch and next offset as one number that grows with both. Raises OverflowError past 2**40 records."""
    if next_offset >> OFFSET_BITS:
        raise OverflowError(f"expected offsets below 2**{OFFSET_BITS}, got {next_offset}; begin a new epoch")
    return epoch << OFFSET_BITS | next_offset


def record_hash(key: bytes | None, value: bytes | None) -> int:
    """Return the BLAKE2b-64 of a record, by which it is recognised."""
    digest = blake2b(key or b"", digest_size=8, person=b"key")
    digest.update(b"" if value is None else b"=" + value)
    return int.from_bytes(digest.digest(), "little")
