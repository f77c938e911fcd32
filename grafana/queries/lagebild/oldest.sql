-- Oldest open
-- Now less the last opening or reopening of the conversation that has been open longest.
SELECT dateDiff('second', min(oldest_since), any(emitted_at)) AS oldest_seconds
FROM rolling FINAL
WHERE window_seconds = 300 AND scope = 'cell' AND emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime AND emitted_at > $__toTime - 604800
) AND {filters}
HAVING count() > 0
