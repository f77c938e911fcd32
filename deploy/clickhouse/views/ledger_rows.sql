-- One view per kind of row in the ledger, with the highest revisions only. Each Kafka partition has partitions of its own, so
-- FINAL never has to merge across them.

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
    sla_margin_histogram, peer_before_staff_count, saved_by_peer_count, session_ended_count, session_contained_count,
    known_contact_count, repeat_within_day_count, repeat_within_week_count, hop_within_day_count,
    hop_within_week_count, escalated_exposure_count, case_began_count, queue_wait_count, case_transfer_count,
    known_session_ended_count, session_verifiable_count, session_verified_count,
    left_out_contact_count, first_peer_answer_histogram
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
    is_implicit, is_reordered, is_contact, has_opened, has_handoff, is_paused, has_agent_spoken, has_peer_answered, is_session,
    waiting_since, episode_since, first_response_at, resolved_at, departed_at, expires_at,
    customer_wait_ms, resolution_ms, resolution_business_ms, resolution_service_ms,
    message_count, transferred_count, escalated_count, reopened_count,
    peer_solution_count, customer, earlier_queues,
    clock_kinds, clock_due_at, clock_remaining_ms, clock_calendars,
    clock_tenants, clock_queues, clock_channels, clock_visibilities, event_digests
FROM ledger FINAL
WHERE kind = 'conversation' AND state != ''
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Only those of the interactions stage: its books count records, and those of the customers stage are kept apart.
CREATE OR REPLACE VIEW checkpoints AS
SELECT
    log, kafka_partition, epoch, revision, next_offset, watermark, configuration, configuration_number, reporting_zone,
    partition_count, last_offset, last_record_hash, reason, consumed_count, applied_count, duplicate_count,
    rejected_count, late_count, ignored_count, clamped_count, unknown_channel_count, dropped_field_count, forgotten_count
FROM ledger FINAL
WHERE kind = 'checkpoint' AND stage = ''
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The same for the customers stage. Its books count facts; those published again by the interactions stage are duplicates.
CREATE OR REPLACE VIEW customer_checkpoints (
    log LowCardinality(String) COMMENT 'the topic of customer facts',
    kafka_partition UInt16 COMMENT 'partition of that topic',
    epoch UInt32 COMMENT 'epoch of that topic; a new one begins when it is recreated',
    revision UInt64 COMMENT 'epoch << 40 | next offset',
    next_offset UInt64 COMMENT 'the first offset not folded yet',
    watermark DateTime64(3, 'UTC') COMMENT 'latest event time of a fact',
    configuration String COMMENT 'version of the rules',
    configuration_number UInt32 COMMENT 'number of configuration changes of the interactions',
    reporting_zone LowCardinality(String) COMMENT 'the zone of the day tier',
    partition_count UInt16 COMMENT 'partitions of that topic',
    last_offset Int64 COMMENT 'offset of the last record folded, -1 before the first',
    last_record_hash UInt64 COMMENT 'BLAKE2b-64 of its key and value, to recognise the log',
    reason String COMMENT 'why the epoch began',
    source_positions Map(UInt16, UInt64) COMMENT 'position of the last fact applied, by partition of the interactions',
    consumed_count Int64 COMMENT 'facts read; consumed = applied + duplicate + rejected',
    applied_count Int64 COMMENT 'facts applied',
    duplicate_count Int64 COMMENT 'facts that the interactions stage published again after a kill or a restore',
    rejected_count Int64 COMMENT 'records of that topic that contain no facts, written by something else'
) AS
SELECT
    log, kafka_partition, epoch, revision, next_offset, watermark, configuration, configuration_number, reporting_zone,
    partition_count, last_offset, last_record_hash, reason, source_positions, consumed_count, applied_count, duplicate_count,
    rejected_count
FROM ledger FINAL
WHERE kind = 'checkpoint' AND stage = 'customers'
SETTINGS do_not_merge_across_partitions_select_final = 1;
