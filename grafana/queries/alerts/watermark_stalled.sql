-- Watermark stalled
-- Seconds by which the watermark is behind the clock.
SELECT now('UTC') AS time, dateDiff('second', settled, now('UTC')) AS behind_seconds
FROM watermarks
ORDER BY time
