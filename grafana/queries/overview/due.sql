-- Due in 15 min
-- SLA targets at risk: open clocks whose target falls due in the next 15 minutes.
SELECT sum(sla_due_15m_count) AS due_in_15_minutes
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {last_minute} AND {filters}
