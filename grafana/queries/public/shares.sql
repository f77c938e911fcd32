-- Shares
-- Shares of public posts.
SELECT $__timeInterval(start) AS time, {channel_name}, sum(shared_count) AS shares
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time, channel_name
ORDER BY time
