-- By queue
-- Open conversations by queue. As it was observed at each minute: panes know this for now only.
SELECT emitted_at AS time, if(queue = '', '(none)', queue) AS queue_name, sum(open_count) AS open
FROM rolling FINAL
WHERE window_seconds = 300 AND scope = 'cell' AND $__timeFilter(emitted_at)
    AND toUnixTimestamp(emitted_at) % greatest(60, intDiv($__interval_s, 60) * 60) = 0 AND {filters}
GROUP BY time, queue_name
ORDER BY time
