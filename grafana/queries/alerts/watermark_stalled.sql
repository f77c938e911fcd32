-- Watermark stalled
-- Seconds that the numbers are behind now.
SELECT now('UTC') AS time, dateDiff('second', settled, now('UTC')) AS behind_seconds
FROM watermarks
ORDER BY time
