-- Escalations
-- All kinds in the range.
SELECT sum(escalated_functional_count + escalated_hierarchical_count + escalated_handoff_count + escalated_regulatory_count + escalated_exposure_count) AS escalations
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
