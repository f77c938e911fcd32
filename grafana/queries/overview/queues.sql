-- By queue
-- What is open at the last full minute; flows and first response times of the hour before.
SELECT
    {queue_name},
    sum(open_count) AS open,
    sum(waiting_agent_count) AS waiting_on_us,
    dateDiff('second', min(oldest_since), any(emitted_at)) AS oldest_seconds,
    sum(sla_due_15m_count) AS due_15m,
    sum(sla_due_60m_count) AS due_60m,
    sum(arrived_count) AS arrived_1h,
    sum(departed_count) AS departed_1h,
    histogram_quantile_ms(sumMap(first_response_histogram), 0.9) / 1000 AS first_response_p90_seconds,
    {queue_value}
FROM rolling
WHERE window_seconds = 3600 AND scope = 'cell' AND {last_minute} AND {filters}
GROUP BY queue_name, queue_value
ORDER BY waiting_on_us DESC, open DESC
