-- Backlog
-- Conversations open at the end of each interval, exact at any past instant and corrected by late events.
SELECT time, sum(gained) OVER (ORDER BY time) AS open
FROM (
    SELECT $__timeInterval(start) AS time, sum(gained_count) AS gained
    FROM backlog_changes_between(from = $__fromTime, to = $__toTime)
    WHERE {filters}
    GROUP BY time
)
ORDER BY time
