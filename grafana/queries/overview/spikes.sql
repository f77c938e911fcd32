-- Spikes
-- Episodes in the range: observed and expected counts since the onset, and the cells that contributed most.
SELECT
    since,
    until,
    measure,
    severity,
    arrayStringConcat(arrayFilter(one -> one != '', [tenant, queue, channel]), ' / ') AS place,
    observed_count AS observed,
    round(expected_count, 1) AS expected,
    round(observed_count / nullIf(expected_count, 0), 1) AS ratio,
    arrayStringConcat(arrayMap(one -> concat(one.queue, ' / ', one.channel, ' ', toString(one.observed_count)), contributors), ', ') AS most_from
FROM spikes
WHERE since <= $__toTime AND coalesce(until, now('UTC')) >= $__fromTime AND {filters_of_spikes}
ORDER BY since DESC
LIMIT 100
