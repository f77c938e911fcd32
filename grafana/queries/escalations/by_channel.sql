-- By channel
-- All kinds, by the channel in force after the escalation.
SELECT $__timeInterval(start) AS time, {channel_name}, sum({all_escalations}) AS escalations
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time, channel_name
ORDER BY time
