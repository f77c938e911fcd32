-- Queues
-- The choices in the range: the value, and the name that is shown for it.
SELECT {queue_value}, {queue_name}
FROM panes_between(from = $__fromTime, to = $__toTime)
GROUP BY queue
ORDER BY queue_name
