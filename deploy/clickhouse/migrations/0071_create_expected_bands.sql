-- 0071: what was expected of each watched series in each minute, and between which bounds its count would be ordinary, for
-- dashboards. A minute evaluated again after a crash has two rows, of which views/expected_bands.sql shows one.
CREATE TABLE IF NOT EXISTS expected_band_revisions (
    log LowCardinality(String) COMMENT 'the topic that was folded',
    measure LowCardinality(String) COMMENT 'escalations, inflow (opened and reopened), or shares',
    scope LowCardinality(String) COMMENT 'what the series aggregates: all (of a tenant), channel, queue, or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'empty if the scope has none',
    channel LowCardinality(String) COMMENT 'empty if the scope has none',
    start DateTime('UTC') COMMENT 'start of the minute',
    observed_count UInt32 COMMENT 'the count of the minute when it was evaluated',
    expected_count Float32 COMMENT 'what was expected of it',
    lower_count Float32 COMMENT 'lower bound of an ordinary count',
    upper_count Float32 COMMENT 'upper bound of an ordinary count',
    written_at DateTime('UTC') DEFAULT now('UTC') COMMENT 'when the row was written; the last one counts'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY (log, measure, scope, tenant, queue, channel, start)
TTL start + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 100;
