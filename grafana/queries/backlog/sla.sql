-- SLA targets met
-- Met / (met + missed) by kind of clock, dated by reply or due time, whichever is first. A target that is not due yet is
-- neither.
SELECT
    $__timeInterval(start) AS time,
    sum(sla_met_first_response_count) / nullIf(sum(sla_met_first_response_count) + sum(sla_missed_first_response_count), 0) AS first_response,
    sum(sla_met_next_response_count) / nullIf(sum(sla_met_next_response_count) + sum(sla_missed_next_response_count), 0) AS next_response,
    sum(sla_met_resolution_count) / nullIf(sum(sla_met_resolution_count) + sum(sla_missed_resolution_count), 0) AS resolution
FROM outcomes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
