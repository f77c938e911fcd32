-- 0004: the three kinds of rows of the ledger as tables of their own, with only the rows that count.
-- Source partitions lie in partitions of their own, so FINAL never has to merge across them.
CREATE OR REPLACE VIEW panes AS
SELECT log, kafka_partition, epoch, revision, tier, start, tenant, queue, channel, visibility, mode, opened_count, reopened_count, moved_in_count, moved_out_count, resolved_count, closed_count, abandoned_count, merged_count, deleted_count, expiring_count, open_ms, contact_count, inbound_message_count, outbound_message_count, internal_message_count, agent_message_count, peer_message_count, bot_message_count, transferred_count, ping_pong_count, escalated_functional_count, escalated_hierarchical_count, escalated_handoff_count, escalated_regulatory_count, callback_requested_count, callback_completed_count, solution_accepted_count, solution_accepted_from_peer_count, shared_count, reacted_count, reach_count, sla_met_first_response_count, sla_met_next_response_count, sla_met_resolution_count, sla_due_first_response_count, sla_due_next_response_count, sla_due_resolution_count, open_since_by_expiry, waiting_agent_by_expiry, waiting_customer_by_expiry, waiting_third_party_by_expiry, first_response_histogram, first_response_business_histogram, reply_histogram, reply_business_histogram, resolution_histogram, resolution_business_histogram, resolution_service_histogram, sla_margin_histogram
FROM ledger FINAL
WHERE kind = 'pane'
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW checkpoints AS
SELECT
    log, kafka_partition, epoch, revision, next_offset, watermark, configuration, reporting_zone, partition_count,
    last_offset, last_record_hash, reason, consumed_count, applied_count, duplicate_count, rejected_count, late_count,
    ignored_count, clamped_count, unknown_channel_count, dropped_field_count, forgotten_count
FROM ledger FINAL
WHERE kind = 'checkpoint'
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW conversations AS
SELECT
    log, kafka_partition, revision, source, conversation_id, conversation_hash,
    current_tenant, current_queue, current_channel, current_visibility,
    opening_tenant, opening_queue, opening_channel, opening_visibility,
    resolution_tenant, resolution_queue, resolution_channel, resolution_visibility,
    opened_at, open_since, changed_at, state, waiting_on,
    is_implicit, is_reordered, is_contact, has_opened, has_handoff, is_paused,
    waiting_since, episode_since, first_response_at, resolved_at, departed_at, expires_at,
    customer_wait_ms, resolution_ms, resolution_business_ms, resolution_service_ms,
    message_count, transferred_count, escalated_count, reopened_count, customer, earlier_queues,
    clock_kinds, clock_due_at, clock_remaining_ms, clock_calendars,
    clock_tenants, clock_queues, clock_channels, clock_visibilities, event_digests
FROM ledger FINAL
WHERE kind = 'conversation'
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The instant for which the numbers hold: the latest event time among the partitions. Minutes up to the slowest
-- partition's watermark are settled but for late events, those after it can still grow.
CREATE OR REPLACE VIEW watermarks (
    latest DateTime64(3, 'UTC') COMMENT 'latest event time folded by any partition',
    settled DateTime64(3, 'UTC') COMMENT 'the watermark of the slowest partition that has seen an event',
    reporting_zone String COMMENT 'the zone whose days are the days of the views'
) AS
SELECT
    max(watermark) AS latest,
    minIf(watermark, watermark > toDateTime64(0, 3, 'UTC')) AS settled,
    argMax(reporting_zone, (watermark, revision)) AS reporting_zone
FROM (
    SELECT log, kafka_partition, argMax(c.watermark, c.revision) AS watermark, max(c.revision) AS revision,
        argMax(c.reporting_zone, c.revision) AS reporting_zone
    FROM checkpoints AS c
    GROUP BY log, kafka_partition
);
