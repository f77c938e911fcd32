-- 0020: the community: how soon peers answer, what they solve, and what they save the service.
-- peer_solution_count and the two flags of a conversation let the fold know whether an agent had a part in it.
ALTER TABLE ledger
    ADD COLUMN IF NOT EXISTS peer_before_staff_count Int64
        COMMENT 'first peer answers that no message of an agent had preceded' AFTER sla_due_resolution_count,
    ADD COLUMN IF NOT EXISTS saved_by_peer_count Int64
        COMMENT 'conversations in which a peer''s accepted solution stands and no agent has spoken; -1 where that ends'
        AFTER peer_before_staff_count,
    ADD COLUMN IF NOT EXISTS first_peer_answer_histogram Map(UInt32, Int64)
        COMMENT 'from the start of the waiting episode to the first answer of a peer' AFTER sla_margin_histogram,
    ADD COLUMN IF NOT EXISTS has_agent_spoken Bool COMMENT 'an agent has spoken to the customer' AFTER is_paused,
    ADD COLUMN IF NOT EXISTS has_peer_answered Bool COMMENT 'the first peer answer has been counted' AFTER has_agent_spoken,
    ADD COLUMN IF NOT EXISTS peer_solution_count Int64 COMMENT 'accepted solutions of peers that stand' AFTER escalated_count;

CREATE OR REPLACE VIEW panes AS
SELECT
    log, kafka_partition, epoch, revision, tier, start, tenant, queue, channel, visibility, mode, opened_count,
    reopened_count, moved_in_count, moved_out_count, resolved_count, closed_count, abandoned_count, merged_count,
    deleted_count, expiring_count, open_ms, contact_count, inbound_message_count, outbound_message_count,
    internal_message_count, agent_message_count, peer_message_count, bot_message_count, transferred_count,
    ping_pong_count, escalated_functional_count, escalated_hierarchical_count, escalated_handoff_count,
    escalated_regulatory_count, callback_requested_count, callback_completed_count, solution_accepted_count,
    solution_accepted_from_peer_count, shared_count, reacted_count, reach_count, sla_met_first_response_count,
    sla_met_next_response_count, sla_met_resolution_count, sla_due_first_response_count, sla_due_next_response_count,
    sla_due_resolution_count, open_since_by_expiry, waiting_agent_by_expiry, waiting_customer_by_expiry,
    waiting_third_party_by_expiry, first_response_histogram, first_response_business_histogram, reply_histogram,
    reply_business_histogram, resolution_histogram, resolution_business_histogram, resolution_service_histogram,
    sla_margin_histogram, peer_before_staff_count, saved_by_peer_count, first_peer_answer_histogram
FROM ledger FINAL
WHERE kind = 'pane'
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW conversations AS
SELECT
    log, kafka_partition, revision, source, conversation_id, conversation_hash,
    current_tenant, current_queue, current_channel, current_visibility,
    opening_tenant, opening_queue, opening_channel, opening_visibility,
    resolution_tenant, resolution_queue, resolution_channel, resolution_visibility,
    opened_at, open_since, changed_at, state, waiting_on,
    is_implicit, is_reordered, is_contact, has_opened, has_handoff, is_paused, has_agent_spoken, has_peer_answered,
    waiting_since, episode_since, first_response_at, resolved_at, departed_at, expires_at,
    customer_wait_ms, resolution_ms, resolution_business_ms, resolution_service_ms,
    message_count, transferred_count, escalated_count, reopened_count,
    peer_solution_count, customer, earlier_queues,
    clock_kinds, clock_due_at, clock_remaining_ms, clock_calendars,
    clock_tenants, clock_queues, clock_channels, clock_visibilities, event_digests
FROM ledger FINAL
WHERE kind = 'conversation' AND state != ''
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW peer_resolution_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    accepted_count Int64 COMMENT 'accepted solutions, less those taken back in the minute',
    accepted_from_peer_count Int64 COMMENT 'the same, written by peers: over accepted_count it is the peer resolution',
    saved_count Int64 COMMENT 'conversations that a peer solved without a word of an agent, less those that ceased to be so in the minute'
) AS
SELECT start AS minute, tenant, queue, channel, visibility, sum(solution_accepted_count) AS accepted_count,
    sum(solution_accepted_from_peer_count) AS accepted_from_peer_count, sum(saved_by_peer_count) AS saved_count
FROM panes
WHERE tier = 'minute'
GROUP BY minute, tenant, queue, channel, visibility
HAVING accepted_count != 0 OR accepted_from_peer_count != 0 OR saved_count != 0;

CREATE OR REPLACE VIEW peer_resolution_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    accepted_count Int64 COMMENT 'accepted solutions, less those taken back in the hour',
    accepted_from_peer_count Int64 COMMENT 'the same, written by peers: over accepted_count it is the peer resolution',
    saved_count Int64 COMMENT 'conversations that a peer solved without a word of an agent, less those that ceased to be so in the hour'
) AS
SELECT start AS hour, tenant, queue, channel, visibility, sum(solution_accepted_count) AS accepted_count,
    sum(solution_accepted_from_peer_count) AS accepted_from_peer_count, sum(saved_by_peer_count) AS saved_count
FROM panes
WHERE tier = 'hour'
GROUP BY hour, tenant, queue, channel, visibility
HAVING accepted_count != 0 OR accepted_from_peer_count != 0 OR saved_count != 0;

CREATE OR REPLACE VIEW peer_resolution_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    accepted_count Int64 COMMENT 'accepted solutions, less those taken back in the day',
    accepted_from_peer_count Int64 COMMENT 'the same, written by peers: over accepted_count it is the peer resolution',
    saved_count Int64 COMMENT 'conversations that a peer solved without a word of an agent, less those that ceased to be so in the day'
) AS
SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, sum(solution_accepted_count) AS accepted_count,
    sum(solution_accepted_from_peer_count) AS accepted_from_peer_count, sum(saved_by_peer_count) AS saved_count
FROM panes
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, visibility
HAVING accepted_count != 0 OR accepted_from_peer_count != 0 OR saved_count != 0;

CREATE OR REPLACE VIEW peer_answers_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    answered_count Int64 COMMENT 'conversations with their first answer of a peer in the minute; only while the customer waited',
    before_staff_count Int64 COMMENT 'those of them in which no agent had spoken to the customer before',
    p50_seconds Nullable(Float64) COMMENT 'median wait for that answer, from the start of the waiting episode; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % waited no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % waited no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % waited no longer'
) AS
SELECT minute, tenant, queue, channel, visibility, arraySum(mapValues(histogram)) AS answered_count, before_staff_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT start AS minute, tenant, queue, channel, visibility, sum(peer_before_staff_count) AS before_staff_count,
        sumMap(first_peer_answer_histogram) AS histogram
    FROM panes
    WHERE tier = 'minute' AND notEmpty(first_peer_answer_histogram)
    GROUP BY minute, tenant, queue, channel, visibility
)
WHERE answered_count != 0;

CREATE OR REPLACE VIEW peer_answers_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    answered_count Int64 COMMENT 'conversations with their first answer of a peer in the hour; only while the customer waited',
    before_staff_count Int64 COMMENT 'those of them in which no agent had spoken to the customer before',
    p50_seconds Nullable(Float64) COMMENT 'median wait for that answer, from the start of the waiting episode; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % waited no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % waited no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % waited no longer'
) AS
SELECT hour, tenant, queue, channel, visibility, arraySum(mapValues(histogram)) AS answered_count, before_staff_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT start AS hour, tenant, queue, channel, visibility, sum(peer_before_staff_count) AS before_staff_count,
        sumMap(first_peer_answer_histogram) AS histogram
    FROM panes
    WHERE tier = 'hour' AND notEmpty(first_peer_answer_histogram)
    GROUP BY hour, tenant, queue, channel, visibility
)
WHERE answered_count != 0;

CREATE OR REPLACE VIEW peer_answers_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    answered_count Int64 COMMENT 'conversations with their first answer of a peer in the day; only while the customer waited',
    before_staff_count Int64 COMMENT 'those of them in which no agent had spoken to the customer before',
    p50_seconds Nullable(Float64) COMMENT 'median wait for that answer, from the start of the waiting episode; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % waited no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % waited no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % waited no longer'
) AS
SELECT day, tenant, queue, channel, visibility, arraySum(mapValues(histogram)) AS answered_count, before_staff_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, sum(peer_before_staff_count) AS before_staff_count,
        sumMap(first_peer_answer_histogram) AS histogram
    FROM panes
    WHERE tier = 'day' AND notEmpty(first_peer_answer_histogram)
    GROUP BY day, tenant, queue, channel, visibility
)
WHERE answered_count != 0;
