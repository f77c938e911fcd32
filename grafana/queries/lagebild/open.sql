-- Open
-- Backlog: conversations open at the last full minute.
SELECT sum(open_count) AS open
FROM rolling FINAL
WHERE window_seconds = 300 AND scope = 'cell' AND emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime AND emitted_at > $__toTime - 604800
) AND {filters}
