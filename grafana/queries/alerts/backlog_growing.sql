-- Backlog growing
-- Conversations above the highest backlog of the same hour yesterday, in the queue with the largest excess; 0 unless
-- it is a fifth above it.
SELECT max(at) AS time, max(if(open_now > 1.2 * yesterday, open_now - yesterday, 0)) AS above_yesterday
FROM (
    SELECT
        tenant,
        queue,
        max(emitted_at) AS at,
        argMax(open_count, emitted_at) AS open_now,
        maxIf(open_count, emitted_at <= now('UTC') - INTERVAL 1 DAY) AS yesterday
    FROM rolling
    WHERE window_seconds = 300 AND scope = 'queue' AND (
        emitted_at > now('UTC') - INTERVAL 10 MINUTE
        OR emitted_at BETWEEN now('UTC') - INTERVAL 25 HOUR AND now('UTC') - INTERVAL 1 DAY
    )
    GROUP BY tenant, queue
    HAVING yesterday > 0 AND at > now('UTC') - INTERVAL 10 MINUTE
)
ORDER BY time
