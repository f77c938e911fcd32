-- Arrivals and departures
-- Opened and reopened above the line; resolved, closed, abandoned, merged, deleted and expired below it.
SELECT
    $__timeInterval(start) AS time,
    sum(arrived_count) AS arrivals,
    -sum(departed_count) AS departures
FROM outcomes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
