-- 0009: how long people waited, and which promises were kept.

CREATE OR REPLACE VIEW response_times_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    measure LowCardinality(String) COMMENT 'first_response, reply (every waiting episode) or resolution (last resolve - first opening); _business in the hours of the queue, _service without waiting on the customer',
    ended_count Int64 COMMENT 'durations that ended in the hour',
    p50_seconds Nullable(Float64) COMMENT 'median; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % took no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % took no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % took no longer'
) AS
SELECT hour, tenant, queue, channel, visibility, measure, arraySum(mapValues(histogram)) AS ended_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT start AS hour, tenant, queue, channel, visibility, measures.1 AS measure, sumMap(measures.2) AS histogram
    FROM panes
    ARRAY JOIN [
    ('first_response', first_response_histogram),
    ('first_response_business', first_response_business_histogram),
    ('reply', reply_histogram),
    ('reply_business', reply_business_histogram),
    ('resolution', resolution_histogram),
    ('resolution_business', resolution_business_histogram),
    ('resolution_service', resolution_service_histogram)
    ] AS measures
    WHERE tier = 'hour' AND notEmpty(measures.2)
    GROUP BY hour, tenant, queue, channel, visibility, measure
)
WHERE ended_count != 0;

CREATE OR REPLACE VIEW response_times_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    measure LowCardinality(String) COMMENT 'first_response, reply (every waiting episode) or resolution (last resolve - first opening); _business in the hours of the queue, _service without waiting on the customer',
    ended_count Int64 COMMENT 'durations that ended in the day',
    p50_seconds Nullable(Float64) COMMENT 'median; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % took no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % took no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % took no longer'
) AS
SELECT day, tenant, queue, channel, visibility, measure, arraySum(mapValues(histogram)) AS ended_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, measures.1 AS measure, sumMap(measures.2) AS histogram
    FROM panes
    ARRAY JOIN [
    ('first_response', first_response_histogram),
    ('first_response_business', first_response_business_histogram),
    ('reply', reply_histogram),
    ('reply_business', reply_business_histogram),
    ('resolution', resolution_histogram),
    ('resolution_business', resolution_business_histogram),
    ('resolution_service', resolution_service_histogram)
    ] AS measures
    WHERE tier = 'day' AND notEmpty(measures.2)
    GROUP BY day, tenant, queue, channel, visibility, measure
)
WHERE ended_count != 0;

CREATE OR REPLACE VIEW sla_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    clock LowCardinality(String) COMMENT 'first_response, next_response or resolution',
    met_count Int64 COMMENT 'promises kept, dated by the reply',
    missed_count Int64 COMMENT 'promises not kept, dated by the minute in which they fell due; only minutes before the watermark'
) AS
SELECT hour, tenant, queue, channel, visibility, clocks.1 AS clock, sum(clocks.2) AS met_count, sum(clocks.3) AS missed_count
FROM (
    SELECT start AS hour, tenant, queue, channel, visibility, [
        ('first_response', sla_met_first_response_count, sla_due_first_response_count),
        ('next_response', sla_met_next_response_count, sla_due_next_response_count),
        ('resolution', sla_met_resolution_count, sla_due_resolution_count)
    ] AS kinds
    FROM panes
    WHERE tier = 'hour'
    UNION ALL
    -- What falls due in a minute that is not over yet is not missed.
    SELECT toStartOfHour(start) AS hour, tenant, queue, channel, visibility, [
        ('first_response', toInt64(0), -sla_due_first_response_count),
        ('next_response', toInt64(0), -sla_due_next_response_count),
        ('resolution', toInt64(0), -sla_due_resolution_count)
    ]
    FROM panes
    WHERE tier = 'minute' AND start >= (SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks)
)
ARRAY JOIN kinds AS clocks
GROUP BY hour, tenant, queue, channel, visibility, clock
HAVING met_count != 0 OR missed_count != 0;

CREATE OR REPLACE VIEW sla_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    clock LowCardinality(String) COMMENT 'first_response, next_response or resolution',
    met_count Int64 COMMENT 'promises kept, dated by the reply',
    missed_count Int64 COMMENT 'promises not kept, dated by the minute in which they fell due; only minutes before the watermark'
) AS
SELECT day, tenant, queue, channel, visibility, clocks.1 AS clock, sum(clocks.2) AS met_count, sum(clocks.3) AS missed_count
FROM (
    SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, [
        ('first_response', sla_met_first_response_count, sla_due_first_response_count),
        ('next_response', sla_met_next_response_count, sla_due_next_response_count),
        ('resolution', sla_met_resolution_count, sla_due_resolution_count)
    ] AS kinds
    FROM panes
    WHERE tier = 'day'
    UNION ALL
    -- What falls due in a minute that is not over yet is not missed.
    SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, [
        ('first_response', toInt64(0), -sla_due_first_response_count),
        ('next_response', toInt64(0), -sla_due_next_response_count),
        ('resolution', toInt64(0), -sla_due_resolution_count)
    ]
    FROM panes
    WHERE tier = 'minute' AND start >= (SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks)
)
ARRAY JOIN kinds AS clocks
GROUP BY day, tenant, queue, channel, visibility, clock
HAVING met_count != 0 OR missed_count != 0;
