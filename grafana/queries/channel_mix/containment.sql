-- Self-service
-- Share of sessions that ended without a handoff; and verified: with no human contact of that customer within 24
-- hours, dated when that is known.
SELECT
    $__timeInterval(start) AS time,
    sum(session_contained_count) / nullIf(sum(session_ended_count), 0) AS contained,
    sum(session_verified_count) / nullIf(sum(session_verifiable_count), 0) AS verified_after_24_hours
FROM outcomes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
