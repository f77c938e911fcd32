-- Escalation spike
-- The largest ratio of observed to expected escalations among the open episodes that are worth a page; 0 without
-- one.
SELECT now('UTC') AS time, max(observed_count / greatest(expected_count, 0.1)) AS ratio
FROM spikes
WHERE measure = 'escalations' AND severity = 'page' AND until IS NULL AND since > now('UTC') - INTERVAL 30 DAY
ORDER BY time
