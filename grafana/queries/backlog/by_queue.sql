-- By queue
-- Open conversations by queue. As observed at each minute: panes have this for the present only.
SELECT emitted_at AS time, {queue_name}, sum(open_count) AS open
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {every_interval} AND {filters}
GROUP BY time, queue_name
ORDER BY time
