-- Escalation spike
-- The largest ratio of observed to expected escalations among current episodes of severity page; 0 without one. Without
-- those that were over or long past when they were noticed.
SELECT now('UTC') AS time, max(observed_count / greatest(expected_count, 0.1)) AS ratio
FROM spikes
WHERE measure = 'escalations' AND severity = 'page' AND until IS NULL AND since > now('UTC') - INTERVAL 30 DAY
    AND (told_at IS NOT NULL OR incident_id != episode_id)
ORDER BY time
