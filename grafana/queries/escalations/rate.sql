-- Per 1,000 open
-- Escalations of the chosen window per 1,000 conversations open on average in it.
SELECT 1000 * sum({all_escalations}) / nullIf(sum(open_ms) / (${window} * 1000), 0) AS per_1000_open
FROM rolling
WHERE window_seconds = ${window} AND scope = 'cell' AND {last_minute} AND {filters}
