-- The community: how soon peers answer, what they solve, and which contacts they save.
--
-- needs: functions, ledger_rows, watermarks

-- for each of: minute, hour, day
CREATE OR REPLACE VIEW peer_resolution_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    accepted_count Int64 COMMENT 'accepted solutions, less those withdrawn in the {interval}',
    accepted_from_peer_count Int64 COMMENT 'the same for solutions by peers; divided by accepted_count it is the peer resolution',
    saved_count Int64 COMMENT 'conversations that a peer solved without an agent message, less those that ceased to be so in the {interval}'
) AS
SELECT {interval_start}, tenant, queue, channel, visibility, sum(solution_accepted_count) AS accepted_count,
    sum(solution_accepted_from_peer_count) AS accepted_from_peer_count, sum(saved_by_peer_count) AS saved_count
FROM panes
WHERE tier = '{interval}'
GROUP BY {interval}, tenant, queue, channel, visibility
HAVING accepted_count != 0 OR accepted_from_peer_count != 0 OR saved_count != 0;

-- for each of: minute, hour, day
CREATE OR REPLACE VIEW peer_answers_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    answered_count Int64 COMMENT 'conversations whose first peer answer came in the {interval}, while the customer waited',
    before_staff_count Int64 COMMENT 'those of them without an earlier agent message to the customer',
    p50_seconds Nullable(Float64) COMMENT 'median wait for that answer, from the start of the waiting episode; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % waited no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % waited no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % waited no longer'
) AS
SELECT {interval}, tenant, queue, channel, visibility, arraySum(mapValues(histogram)) AS answered_count, before_staff_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT {interval_start}, tenant, queue, channel, visibility, sum(peer_before_staff_count) AS before_staff_count,
        sumMap(first_peer_answer_histogram) AS histogram
    FROM panes
    WHERE tier = '{interval}' AND notEmpty(first_peer_answer_histogram)
    GROUP BY {interval}, tenant, queue, channel, visibility
)
WHERE answered_count != 0;
