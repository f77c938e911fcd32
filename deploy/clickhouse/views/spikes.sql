-- Episodes in which a series of counts was not credible: a row per episode, the last revision of each.

CREATE OR REPLACE VIEW spikes (
    log LowCardinality(String) COMMENT 'the topic that was folded',
    episode_id String COMMENT 'fixed by log, series and onset; also in the alert',
    measure LowCardinality(String) COMMENT 'escalations, inflow (opened and reopened), shares, or silence (of the inflow)',
    scope LowCardinality(String) COMMENT 'what the series sums up: all (of a tenant), channel, queue, or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'empty where the scope has none',
    channel LowCardinality(String) COMMENT 'empty where the scope has none',
    since DateTime('UTC') COMMENT 'onset: start of the first minute of it',
    detected_at DateTime('UTC') COMMENT 'end of the minute in which it was noticed',
    until Nullable(DateTime('UTC')) COMMENT 'start of the first minute after it, NULL while it lasts',
    severity LowCardinality(String) COMMENT 'page or ticket',
    observed_count Int64 COMMENT 'counted from the onset on',
    expected_count Float64 COMMENT 'what would have been normal',
    contributors Array(Tuple(queue String, channel String, observed_count Int64, expected_count Float64))
        COMMENT 'cells with the largest excess (of a silence: lack) when it was noticed',
    worsened_at Nullable(DateTime('UTC')) COMMENT 'the minute with which it became worth a page, where it began as less',
    runs String COMMENT 'for the stage itself, JSON: of each series in which the episode shows while it lasts, what was counted since and what speaks for its return',
    revision UInt64 COMMENT 'the last minute judged, since the epoch; of two rows the later one counts'
) AS
SELECT
    log, episode_id, measure, scope, tenant, queue, channel, since, detected_at, until, severity, observed_count,
    expected_count, contributors, worsened_at, runs, revision
FROM spike_revisions FINAL;
