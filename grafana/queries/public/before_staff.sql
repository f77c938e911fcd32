-- Peers first
-- Share of the conversations answered by a peer in which that was before staff.
SELECT sum(peer_before_staff_count) / nullIf(sum(arraySum(mapValues(first_peer_answer_histogram))), 0) AS before_staff_ratio
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
