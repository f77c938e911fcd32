-- SLA targets at risk
-- SLA targets that fall due in the next 15 minutes beyond those that are met in a quarter of an hour at the pace of
-- the last hour, in the worst queue.
SELECT max(emitted_at) AS time, max(due - kept / 4) AS beyond_pace
FROM (
    SELECT emitted_at, tenant, queue, sla_due_15m_count AS due, sla_met_count AS kept
    FROM rolling
    WHERE window_seconds = 3600 AND scope = 'queue' AND sla_due_15m_count > 10
        AND emitted_at = (SELECT max(emitted_at) FROM rolling WHERE window_seconds = 3600 AND scope = 'all' AND emitted_at > now('UTC') - INTERVAL 1 HOUR)
)
ORDER BY time
