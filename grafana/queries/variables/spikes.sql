-- Spikes
-- Episodes as regions over the charts.
SELECT
    since AS time,
    coalesce(until, now('UTC')) AS timeEnd,
    concat(measure, ' ', severity, ': ', toString(observed_count), ' instead of ', toString(round(expected_count, 1))) AS text,
    arrayStringConcat(arrayFilter(one -> one != '', [measure, tenant, queue, channel]), ',') AS tags
FROM spikes
WHERE since <= $__toTime AND coalesce(until, now('UTC')) >= $__fromTime AND {filters_of_spikes}
ORDER BY time
