-- Saved by peers
-- Conversations in the range that a peer solved and no agent had to answer.
SELECT sum(saved_by_peer_count) AS saved
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
