-- Escalations by kind
-- Functional, hierarchical, handoff from bot to human, regulatory, and exposure: from private to public by the
-- same customer within 72 hours. A missed SLA target is none.
SELECT
    $__timeInterval(start) AS time,
    sum(escalated_functional_count) AS functional,
    sum(escalated_hierarchical_count) AS hierarchical,
    sum(escalated_handoff_count) AS handoff,
    sum(escalated_regulatory_count) AS regulatory,
    sum(escalated_exposure_count) AS exposure
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
