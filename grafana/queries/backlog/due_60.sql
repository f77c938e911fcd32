-- Due in 60 min
-- SLA targets that fall due in the next hour.
SELECT sum(sla_due_60m_count) AS due_in_60_minutes
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {last_minute} AND {filters}
