-- By channel
-- All kinds, by the channel in force after the escalation.
SELECT $__timeInterval(start) AS time, channel, sum(escalated_functional_count + escalated_hierarchical_count + escalated_handoff_count + escalated_regulatory_count + escalated_exposure_count) AS escalations
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time, channel
ORDER BY time
