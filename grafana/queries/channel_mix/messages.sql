-- Messages by channel
-- Messages from customers.
SELECT $__timeInterval(start) AS time, {channel_name}, sum(inbound_message_count) AS messages
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time, channel_name
ORDER BY time
