-- Accepted solutions
-- By peers and by staff.
SELECT
    $__timeInterval(start) AS time,
    sum(solution_accepted_from_peer_count) AS from_peers,
    sum(solution_accepted_count - solution_accepted_from_peer_count) AS from_staff
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
