-- Average
-- Area under the backlog divided by the length of the chosen window.
SELECT sum(open_ms) / (${window} * 1000) AS average_open
FROM rolling
WHERE window_seconds = ${window} AND scope = 'cell' AND {last_minute} AND {filters}
