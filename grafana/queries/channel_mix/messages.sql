-- Messages by channel
-- Messages from customers.
SELECT $__timeInterval(start) AS time, channel, sum(inbound_message_count) AS messages
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time, channel
ORDER BY time
