"""Reading checkpoints."""

import msgspec

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.clickhouse.whole_answers import one_value
from pipeline.ledger.columns import (
    CHECKPOINT_COLUMNS,
    JSON_SETTINGS,
    CheckpointRow,
)
from streams.books import Books
from streams.checkpoint import OFFSET_BITS, Checkpoint

_checkpoint_decoder = msgspec.json.Decoder(tuple[list[CheckpointRow]])


def read_checkpoint(client: ClickHouse, where: str) -> Checkpoint | None:
    """Return the newest checkpoint under a condition; None if there is none."""
    # As one value, so that a truncated answer cannot pass for "no checkpoint" and restart the log from its beginning.
    answer = client.raw(
        f"SELECT groupArray(row) FROM (SELECT tuple({CHECKPOINT_COLUMNS}) AS row FROM ledger "
        f"WHERE {where} AND kind = 'checkpoint' ORDER BY revision DESC LIMIT 1) SETTINGS {JSON_SETTINGS}",
        "JSONCompactEachRow",
    )
    rows: list[CheckpointRow] = one_value(_checkpoint_decoder, answer, where)
    if not rows:
        return None
    row = rows[0]
    return Checkpoint(
        epoch=row.revision >> OFFSET_BITS,
        next_offset=row.next_offset,
        watermark=row.watermark,
        broker_at=row.broker_at,
        configuration=row.configuration,
        configuration_number=row.configuration_number,
        reporting_zone=row.reporting_zone,
        partition_count=row.partition_count,
        last_offset=row.last_offset,
        last_record_hash=row.last_record_hash,
        reason=row.reason,
        stage=row.stage,
        positions=dict(row.positions),
        books=Books(*row.books),
    )


def of_partition(log: str, kafka_partition: int) -> str:
    """Return the SQL condition for the rows of one partition of a log."""
    return f"log = {quoted(log)} AND kafka_partition = {kafka_partition}"
