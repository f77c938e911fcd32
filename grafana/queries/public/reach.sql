-- Reach
-- People who could have seen public posts, replies and shares; a person may be counted repeatedly.
SELECT $__timeInterval(start) AS time, sum(reach_count) AS reach
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
