-- Saved by peers
-- Conversations that a peer solved and no agent had to answer, in the range.
SELECT sum(saved_by_peer_count) AS saved
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
