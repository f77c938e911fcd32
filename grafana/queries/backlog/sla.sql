-- Promises kept
-- Met / (met + missed) by kind of clock, dated by reply or due time, whichever is first.
SELECT
    $__timeInterval(start) AS time,
    sum(sla_met_first_response_count) / nullIf(sum(sla_met_first_response_count) + sumIf(sla_due_first_response_count, start < settled), 0) AS first_response,
    sum(sla_met_next_response_count) / nullIf(sum(sla_met_next_response_count) + sumIf(sla_due_next_response_count, start < settled), 0) AS next_response,
    sum(sla_met_resolution_count) / nullIf(sum(sla_met_resolution_count) + sumIf(sla_due_resolution_count, start < settled), 0) AS resolution
FROM panes_between(from = $__fromTime, to = $__toTime) AS p, (SELECT settled FROM watermarks) AS w
WHERE {filters}
GROUP BY time
ORDER BY time
