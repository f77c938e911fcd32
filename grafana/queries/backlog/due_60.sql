-- Due in 60 min
-- Open clocks whose target falls due in the next hour.
SELECT sum(sla_due_60m_count) AS due_in_60_minutes
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {last_minute} AND {filters}
