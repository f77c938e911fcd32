-- Dead letters by reason
-- Records that could not be folded; each is on the dead-letter topic with its origin.
SELECT $__timeInterval(rejected_at) AS time, reason, count() AS rejected
FROM rejections FINAL
WHERE $__timeFilter(rejected_at)
GROUP BY time, reason
ORDER BY time
