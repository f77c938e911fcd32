-- 0060: skips and failures. A record that ends a worker can be set aside by hand: a skip is input of the fold, as the rules
-- are, so whoever folds the same log again needs the same skips. Kept for good.
CREATE TABLE IF NOT EXISTS skips (
    log LowCardinality(String) COMMENT 'topic',
    epoch UInt32 COMMENT 'epoch of the log; offsets begin anew in another one',
    kafka_partition UInt16,
    kafka_offset UInt64 COMMENT 'offset of the record that becomes a dead letter, whatever it holds',
    why String COMMENT 'what the operator said; the detail of the dead letter',
    skipped_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(skipped_at)
ORDER BY (log, epoch, kafka_partition, kafka_offset);

-- Where a worker last failed over records of a partition, so that the next one finds out which of them it is.
CREATE TABLE IF NOT EXISTS failures (
    log LowCardinality(String) COMMENT 'topic',
    epoch UInt32,
    kafka_partition UInt16,
    stage LowCardinality(String) COMMENT 'fold, or flush: while rows were encoded and written',
    first_offset UInt64 COMMENT 'the first of the records that were at work',
    last_offset UInt64 COMMENT 'and the last',
    error String COMMENT 'kind of the error; never its text, which may quote a record',
    failed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(failed_at)
ORDER BY (log, epoch, kafka_partition)
TTL toDateTime(failed_at) + INTERVAL 30 DAY;
