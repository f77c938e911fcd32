-- Resolution
-- Time from the first opening to the last resolve; quantiles within 3.2 %. A reopening withdraws it.
SELECT
    $__timeInterval(start) AS time,
    histogram_quantile_ms(sumMap(resolution_histogram), 0.5) / 1000 AS p50,
    histogram_quantile_ms(sumMap(resolution_histogram), 0.9) / 1000 AS p90,
    histogram_quantile_ms(sumMap(resolution_histogram), 0.95) / 1000 AS p95
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
