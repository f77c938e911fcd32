-- What was expected of each watched series: a row per series and minute, kept for 30 days. A series is watched from a day
-- after its first event on. Minutes in which next to nothing was expected and nothing came have no row. Of a longer stretch
-- that is evaluated at once, as after an outage, the last hour has rows.

CREATE OR REPLACE VIEW expected_bands (
    log LowCardinality(String) COMMENT 'the topic that was folded',
    measure LowCardinality(String) COMMENT 'escalations, inflow (opened and reopened), or shares',
    scope LowCardinality(String) COMMENT 'what the series aggregates: all (of a tenant), channel, queue, or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'empty if the scope has none',
    channel LowCardinality(String) COMMENT 'empty if the scope has none',
    start DateTime('UTC') COMMENT 'start of the minute',
    observed_count UInt32 COMMENT 'the count of the minute when it was evaluated; late events are in the panes only',
    expected_count Float32 COMMENT 'what was expected of it, from the hours of the week before and the level of the last days',
    lower_count Float32 COMMENT 'lower bound of an ordinary count: about 1 minute in 40 is below',
    upper_count Float32 COMMENT 'upper bound of an ordinary count: about 1 minute in 40 is above'
) AS
SELECT
    log, measure, scope, tenant, queue, channel, start, observed_count, expected_count, lower_count, upper_count
FROM expected_band_revisions FINAL;
