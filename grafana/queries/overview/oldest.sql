-- Oldest open
-- Time since the last opening or reopening of the conversation that has been open longest.
SELECT dateDiff('second', min(oldest_since), any(emitted_at)) AS oldest_seconds
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {last_minute} AND {filters}
HAVING count() > 0
