-- 0025: rolling. Rolling windows of 5 minutes, 1 hour, 24 hours and 7 days, as `rolling_at` and `standing_at` gave them when a
-- minute had just passed: a row per window and scope.
CREATE TABLE IF NOT EXISTS rolling (
    emitted_at DateTime('UTC') COMMENT 'the end of the window, the border of a minute; numbers hold for it',
    window_seconds UInt32 COMMENT 'length of the window: 300, 3600, 86400 or 604800',
    scope LowCardinality(String) COMMENT 'what the row sums up: all, tenant, queue, channel (of a tenant), or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit; empty when unknown, and in scope all',
    queue LowCardinality(String) COMMENT 'where the work lies; empty when unknown, and where the scope has no queue',
    channel LowCardinality(String) COMMENT 'empty when unknown, and where the scope has no channel',
    contact_count Int64 COMMENT 'inbound conversations opened in the window, a transfer chain once: the channel mix',
    contact_total_count Int64 COMMENT 'the same of the enclosing scope: of the queue for a cell, the tenant for queue and channel, all for a tenant',
    sync_contact_count Int64 COMMENT 'contacts on channels where both sides speak at once',
    public_contact_count Int64 COMMENT 'contacts that everybody can read',
    inbound_message_count Int64 COMMENT 'messages from customers in the window',
    open_count Int64 COMMENT 'conversations open at the end of the window',
    arrived_count Int64 COMMENT 'opened and reopened in the window',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the window',
    open_ms Int64 COMMENT 'area under the backlog over the window, ms: by the length of the window it is the average backlog',
    resolved_count Int64 COMMENT 'resolves in the window',
    reopened_count Int64 COMMENT 'reopenings in the window',
    transferred_count Int64 COMMENT 'transfers in the window',
    escalated_functional_count Int64 COMMENT 'escalations to another function in the window',
    escalated_hierarchical_count Int64 COMMENT 'escalations to a higher level in the window',
    escalated_handoff_count Int64 COMMENT 'handoffs from bot to human in the window',
    escalated_regulatory_count Int64 COMMENT 'escalations to a regulator or ombudsman in the window',
    escalated_exposure_count Int64 COMMENT 'private to public by the same customer within 72 hours, in the window',
    sla_met_count Int64 COMMENT 'promises of all kinds kept in the window',
    sla_missed_count Int64 COMMENT 'promises of all kinds that fell due in the window and were not kept',
    first_response_histogram Map(UInt32, Int64) COMMENT 'first response times that ended in the window, by bucket',
    resolution_histogram Map(UInt32, Int64) COMMENT 'last resolve - first opening of what was resolved in the window, by bucket',
    drift Nullable(Float64) COMMENT 'Jensen-Shannon distance (base 2: 0 the same, 1 nothing in common) of the channel mix from that of the same hours in the four weeks before; scopes all, tenant and queue',
    open_below_1h_count Int64 COMMENT 'open conversations by time since the last (re)opening: less than an hour',
    open_1h_to_4h_count Int64 COMMENT '1 to 4 hours',
    open_4h_to_24h_count Int64 COMMENT '4 to 24 hours',
    open_1d_to_7d_count Int64 COMMENT '1 to 7 days',
    open_7d_to_30d_count Int64 COMMENT '7 to 30 days',
    open_30d_to_90d_count Int64 COMMENT '30 to 90 days',
    open_over_90d_count Int64 COMMENT '90 days and more',
    oldest_since Nullable(DateTime('UTC')) COMMENT 'interval (minute; hour or day where it is weeks ago) in which the oldest of them opened; NULL where none is open',
    waiting_agent_count Int64 COMMENT 'open conversations that wait on an agent',
    waiting_customer_count Int64 COMMENT 'open conversations that wait on the customer',
    waiting_third_party_count Int64 COMMENT 'open conversations that wait on a third party',
    sla_due_15m_count Int64 COMMENT 'open promises that fall due in the next 15 minutes',
    sla_due_60m_count Int64 COMMENT 'open promises that fall due in the next 60 minutes',
    observed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when this was observed; of two, the later counts'
)
ENGINE = ReplacingMergeTree(observed_at)
PARTITION BY toYYYYMM(emitted_at)
-- One asks for an instant, or a stretch of time, of all rows of a scope.
ORDER BY (window_seconds, scope, emitted_at, tenant, queue, channel)
TTL toDateTime(observed_at) + INTERVAL 400 DAY;
