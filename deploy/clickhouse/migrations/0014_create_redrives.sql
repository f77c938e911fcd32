-- 0014: redrives. One row per dead letter that was published again to its source topic, so that it is not published twice.
-- Written after Kafka has acknowledged the copy. Kept for as long as dead letters may lie in Kafka, which we do not know.
CREATE TABLE IF NOT EXISTS redrives (
    log LowCardinality(String) COMMENT 'topic the rejected record came from',
    kafka_partition UInt16 COMMENT 'its partition there',
    kafka_offset UInt64 COMMENT 'its offset there',
    rejected_at DateTime64(3, 'UTC') COMMENT 'its broker time there; tells records of a recreated topic apart',
    reason LowCardinality(String) COMMENT 'why it had been rejected',
    redriven_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when it was published again'
)
ENGINE = ReplacingMergeTree(redriven_at)
ORDER BY (log, kafka_partition, kafka_offset, rejected_at);
