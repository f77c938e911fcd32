-- Arrivals and departures
-- Opened and reopened above the line; resolved, closed, abandoned, merged, deleted and expired below it.
SELECT
    $__timeInterval(start) AS time,
    sum(opened_count + reopened_count) AS arrivals,
    -sum(resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count) AS departures
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
