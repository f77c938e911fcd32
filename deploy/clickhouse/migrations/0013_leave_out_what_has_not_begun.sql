-- 0013: a conversation of which only events of unknown types have come has a row in the ledger, so that a second delivery
-- of one of them is known as a duplicate. It has not begun, its state is empty, and it is no conversation yet.
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
WHERE kind = 'conversation' AND state != ''
SETTINGS do_not_merge_across_partitions_select_final = 1;
