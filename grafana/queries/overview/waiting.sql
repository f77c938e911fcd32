-- Waiting on us
-- Open conversations whose customer is waiting for an agent.
SELECT sum(waiting_agent_count) AS waiting_on_us
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {last_minute} AND {filters}
