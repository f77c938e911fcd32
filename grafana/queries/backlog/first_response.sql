-- First response
-- Time from the start of the first waiting episode to the first agent message; quantiles within 3.2 %. Bots never count.
SELECT
    $__timeInterval(start) AS time,
    histogram_quantile_ms(sumMap(first_response_histogram), 0.5) / 1000 AS p50,
    histogram_quantile_ms(sumMap(first_response_histogram), 0.9) / 1000 AS p90,
    histogram_quantile_ms(sumMap(first_response_histogram), 0.95) / 1000 AS p95
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
