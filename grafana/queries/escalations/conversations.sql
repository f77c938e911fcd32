-- Conversations
-- The last hundred that escalated or were handed off in the range.
SELECT
    occurred_at AS at,
    type,
    kind,
    level,
    queue,
    channel,
    conversation_id,
    source
FROM interactions
WHERE type IN ('conversation.escalated', 'conversation.handed_off')
    AND occurred_at >= $__fromTime AND occurred_at <= $__toTime AND ingested_at >= $__fromTime - 86400 AND {filters}
ORDER BY occurred_at DESC
LIMIT 1 BY conversation_id, type
LIMIT 100
