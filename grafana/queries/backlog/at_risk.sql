-- SLA targets at risk
-- Open clocks that fall due within 15 and 60 minutes. As observed at each minute: panes have this for the present
-- only.
SELECT
    emitted_at AS time,
    sum(sla_due_15m_count) AS in_15_minutes,
    sum(sla_due_60m_count) AS in_60_minutes
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {every_interval} AND {filters}
GROUP BY time
ORDER BY time
