-- One row per conversation, in its current state.
--
-- needs: ledger_rows, watermarks

CREATE OR REPLACE VIEW conversation_facts (
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    source String COMMENT 'the source system',
    conversation_id String COMMENT 'unique within the source',
    channel LowCardinality(String) COMMENT 'last known, empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    queue LowCardinality(String) COMMENT 'last known, empty when unknown',
    state LowCardinality(String) COMMENT 'open, or how it departed: resolved, closed, abandoned, merged, deleted, expired',
    opened_at DateTime64(3, 'UTC') COMMENT 'first opening',
    first_response_at Nullable(DateTime64(3, 'UTC')) COMMENT 'first answer by an agent to a waiting customer',
    resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'last resolve, NULL while reopened',
    departed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when it left the backlog, NULL while open',
    message_count Int64 COMMENT 'messages by anyone',
    transferred_count Int64 COMMENT 'transfers',
    escalated_count Int64 COMMENT 'escalations of any kind',
    reopened_count Int64 COMMENT 'reopenings',
    is_implicit Bool COMMENT 'began with an event other than its opening'
) AS
SELECT
    current_tenant AS tenant, source, conversation_id, current_channel AS channel, current_visibility AS visibility,
    current_queue AS queue,
    if(is_expired, 'expired', c.state) AS state,
    opened_at,
    nullIf(c.first_response_at, toDateTime64(0, 3, 'UTC')) AS first_response_at,
    nullIf(c.resolved_at, toDateTime64(0, 3, 'UTC')) AS resolved_at,
    if(is_expired, c.expires_at, nullIf(c.departed_at, toDateTime64(0, 3, 'UTC'))) AS departed_at,
    message_count, transferred_count, escalated_count, reopened_count, is_implicit
FROM (
    -- An expiry that is reached is a departure, even if no event has updated the conversation yet.
    SELECT *, state = 'open' AND expires_at > toDateTime64(0, 3, 'UTC')
        AND expires_at <= (SELECT latest FROM watermarks) AS is_expired
    FROM conversations
) AS c;
