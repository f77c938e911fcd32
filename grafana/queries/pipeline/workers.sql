-- Workers
-- Processes seen in the last day.
SELECT log, worker_id AS worker, state, configuration, dateDiff('second', seen_at, now64(3, 'UTC')) AS seen_seconds_ago
FROM workers FINAL
WHERE seen_at > now('UTC') - 86400
ORDER BY seen_at DESC
LIMIT 50
