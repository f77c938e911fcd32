-- Watermark stalled
-- Seconds that the numbers lie behind now.
SELECT now('UTC') AS time, dateDiff('second', settled, now('UTC')) AS behind_seconds
FROM watermarks
ORDER BY time
