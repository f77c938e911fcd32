-- 0012: workers. One row per worker process, written again every few seconds: who folds a log now, and with which rules. A
-- worker with other rules does not start while one of them is alive. By ClickHouse's own clock, on which all agree.
CREATE TABLE IF NOT EXISTS workers (
    log LowCardinality(String) COMMENT 'topic',
    worker_id String COMMENT 'host, process and a random number',
    configuration String COMMENT 'version of its rules',
    state LowCardinality(String) COMMENT 'starting, working or stopped',
    seen_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'its last sign of life'
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY (log, worker_id)
TTL toDateTime(seen_at) + INTERVAL 1 DAY;
