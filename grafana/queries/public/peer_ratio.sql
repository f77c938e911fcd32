-- Solved by peers
-- Accepted solutions by peers / accepted solutions in the range.
SELECT sum(solution_accepted_from_peer_count) / nullIf(sum(solution_accepted_count), 0) AS peer_ratio
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
