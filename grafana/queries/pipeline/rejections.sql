-- Dead letters by reason
-- Rejected records; the dead-letter topic holds each with its origin.
SELECT $__timeInterval(rejected_at) AS time, reason, count() AS rejected
FROM rejections FINAL
WHERE $__timeFilter(rejected_at)
GROUP BY time, reason
ORDER BY time
