-- Exposures
-- Customers who went from private to public within 72 hours, in the range.
SELECT sum(escalated_exposure_count) AS exposures
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
