-- Escalations
-- All kinds in the range.
SELECT sum({all_escalations}) AS escalations
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
