-- Queues
-- What there is to choose from in the range.
SELECT DISTINCT queue FROM panes_between(from = $__fromTime, to = $__toTime) WHERE queue != '' ORDER BY queue
