-- Open
-- Backlog: conversations open at the last full minute.
SELECT sum(open_count) AS open
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {last_minute} AND {filters}
