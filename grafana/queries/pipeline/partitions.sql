-- Books by partition
-- Consumed = applied + duplicate + rejected, from the ledger's checkpoints: out of balance must be 0.
SELECT
    log,
    kafka_partition AS partition,
    next_offset,
    dateDiff('second', watermark, now('UTC')) AS watermark_age_seconds,
    consumed_count AS consumed,
    applied_count AS applied,
    duplicate_count AS duplicate,
    rejected_count AS rejected,
    consumed_count - applied_count - duplicate_count - rejected_count AS out_of_balance
FROM checkpoints
ORDER BY log, partition
