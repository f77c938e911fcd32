-- Episodes in which a series of counts was statistically unlikely: a row per episode, the last revision of each.

CREATE OR REPLACE VIEW spikes (
    log LowCardinality(String) COMMENT 'the topic that was folded',
    episode_id String COMMENT 'determined by log, series and onset; also in the alert',
    measure LowCardinality(String) COMMENT 'escalations, inflow (opened and reopened), shares, or silence (of the inflow)',
    scope LowCardinality(String) COMMENT 'what the series aggregates: all (of a tenant), channel, queue, or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'empty if the scope has none',
    channel LowCardinality(String) COMMENT 'empty if the scope has none',
    since DateTime('UTC') COMMENT 'onset: start of its first minute',
    detected_at DateTime('UTC') COMMENT 'end of the minute in which it was detected',
    until Nullable(DateTime('UTC')) COMMENT 'start of the first minute after it, NULL while it lasts',
    severity LowCardinality(String) COMMENT 'page or ticket',
    observed_count Int64 COMMENT 'count since the onset',
    expected_count Float64 COMMENT 'expected count since the onset',
    contributors Array(Tuple(queue String, channel String, observed_count Int64, expected_count Float64))
        COMMENT 'cells with the largest excess (for a silence: lack) when it was detected',
    worsened_at Nullable(DateTime('UTC')) COMMENT 'the minute that raised it to a page, if it began as a ticket',
    told_at Nullable(DateTime('UTC')) COMMENT 'when it was announced; NULL if not: it was over when it was noticed, or belongs to an announced incident',
    incident_id String COMMENT 'episode_id of the first episode of its incident, possibly its own: episodes of several measures at one place that begin within an hour',
    runs String COMMENT 'for the rolling stage itself, JSON: for each series in which the episode shows while it lasts, the counts since then and the evidence for its return to normal',
    revision UInt64 COMMENT 'the last minute evaluated, since the epoch; the highest one counts'
) AS
SELECT
    log, episode_id, measure, scope, tenant, queue, channel, since, detected_at, until, severity, observed_count,
    expected_count, contributors, worsened_at, told_at, incident_id, runs, revision
FROM spike_revisions FINAL;
