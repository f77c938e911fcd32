-- Waiting on us
-- Open conversations in which the customer waits for an agent.
SELECT sum(waiting_agent_count) AS waiting_on_us
FROM rolling FINAL
WHERE window_seconds = 300 AND scope = 'cell' AND emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime AND emitted_at > $__toTime - 604800
) AND {filters}
