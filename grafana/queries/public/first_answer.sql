-- First peer answer
-- Time from the opening to the first answer of a peer; quantiles within 3.2 %.
SELECT
    $__timeInterval(start) AS time,
    histogram_quantile_ms(sumMap(first_peer_answer_histogram), 0.5) / 1000 AS p50,
    histogram_quantile_ms(sumMap(first_peer_answer_histogram), 0.9) / 1000 AS p90
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
