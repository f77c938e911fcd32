-- By channel and queue
-- Functional: to another function. Hierarchical: to a higher level. Handoff: from bot to human, once per waiting
-- episode. Regulatory: to a regulator or ombudsman. Exposure: from private to public by the same customer within
-- 72 hours.
SELECT
    {channel_name},
    {queue_name},
    sum({all_escalations}) AS escalations,
    sum(escalated_functional_count) AS functional,
    sum(escalated_hierarchical_count) AS hierarchical,
    sum(escalated_handoff_count) AS handoff,
    sum(escalated_regulatory_count) AS regulatory,
    sum(escalated_exposure_count) AS exposure,
    {channel_value},
    {queue_value}
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY channel_name, queue_name, channel_value, queue_value
HAVING escalations > 0
ORDER BY escalations DESC
LIMIT 100
