-- Queues
-- Choices in the range: the value, and the displayed name.
SELECT {queue_value}, {queue_name}
FROM panes_between(from = $__fromTime, to = $__toTime)
GROUP BY queue
ORDER BY queue_name
