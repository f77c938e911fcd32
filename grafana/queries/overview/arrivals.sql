-- Arrivals by channel
-- Conversations opened or reopened, by the minute (hour, day) in which that happened.
SELECT $__timeInterval(start) AS time, {channel_name}, sum(opened_count + reopened_count) AS arrivals
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time, channel_name
ORDER BY time
