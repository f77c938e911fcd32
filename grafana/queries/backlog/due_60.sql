-- Due in 60 min
-- Open clocks whose target falls due in the next hour.
SELECT sum(sla_due_60m_count) AS due_in_60_minutes
FROM rolling FINAL
WHERE window_seconds = 300 AND scope = 'cell' AND emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime AND emitted_at > $__toTime - 604800
) AND {filters}
