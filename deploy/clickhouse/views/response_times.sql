-- How long customers waited for an answer and for a resolution.
--
-- needs: functions, ledger_rows, watermarks

-- for each of: hour, day
CREATE OR REPLACE VIEW response_times_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    measure LowCardinality(String) COMMENT 'first_response, reply (every waiting episode) or resolution (last resolve - first opening); _business in the business hours of the queue, _service without the time waited on the customer',
    ended_count Int64 COMMENT 'durations that ended in the {interval}',
    p50_seconds Nullable(Float64) COMMENT 'median; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % took no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % took no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % took no longer'
) AS
SELECT {interval}, tenant, queue, channel, visibility, measure, arraySum(mapValues(histogram)) AS ended_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT {interval_start}, tenant, queue, channel, visibility, measures.1 AS measure, sumMap(measures.2) AS histogram
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
    WHERE tier = '{interval}' AND notEmpty(measures.2)
    GROUP BY {interval}, tenant, queue, channel, visibility, measure
)
WHERE ended_count != 0;
