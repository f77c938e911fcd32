-- 0003: rejections. One row per dead letter, so that analysts see what is wrong without reading the dead letters.
-- No payload. Written before the ledger: the same rejection may be written twice with equal content.
CREATE TABLE IF NOT EXISTS rejections (
    log LowCardinality(String) COMMENT 'topic',
    epoch UInt32,
    kafka_partition UInt16,
    kafka_offset UInt64 COMMENT 'offset of the rejected record in the source topic',
    rejected_at DateTime64(3, 'UTC') COMMENT 'broker time of the record',
    reason LowCardinality(String) COMMENT 'one of docs/dead-letters.md',
    field LowCardinality(String) COMMENT 'path inside the event, empty when the whole record is meant'
)
ENGINE = ReplacingMergeTree
ORDER BY (epoch, kafka_partition, kafka_offset, log)
TTL toDateTime(rejected_at) + INTERVAL 30 DAY;
