-- 0023: the customer across channels. Stage 1 tells facts about known customers on an internal topic; the stage `customers` folds
-- that topic by the protocol of the ledger, with that topic as its log. Its rows: checkpoints (stage 'customers'), panes with
-- counters of their own, and of kind 'customer' what is remembered of each, so that a later contact can be compared.
ALTER TABLE ledger
    MODIFY COLUMN kind LowCardinality(String) COMMENT 'checkpoint, pane, conversation or customer',
    MODIFY COLUMN conversation_id String COMMENT 'unique within its source; of a customer: the pseudonym',
    ADD COLUMN IF NOT EXISTS stage LowCardinality(String)
        COMMENT 'of a checkpoint: customers where the log is the topic of contacts, else empty' AFTER partition_count,
    ADD COLUMN IF NOT EXISTS source_positions Map(UInt16, UInt64)
        COMMENT 'of a checkpoint of customers: by partition of the interactions, the place of the last fact taken in' AFTER stage,
    ADD COLUMN IF NOT EXISTS session_ended_count Int64 COMMENT 'self-service sessions that ended' AFTER saved_by_peer_count,
    ADD COLUMN IF NOT EXISTS session_contained_count Int64 COMMENT 'those of them without a human' AFTER session_ended_count,
    ADD COLUMN IF NOT EXISTS known_contact_count Int64 COMMENT 'contacts of known customers' AFTER session_contained_count,
    ADD COLUMN IF NOT EXISTS repeat_within_day_count Int64
        COMMENT 'those within 24 h of a resolve of the same customer' AFTER known_contact_count,
    ADD COLUMN IF NOT EXISTS repeat_within_week_count Int64
        COMMENT 'those within 7 days of a resolve of the same customer' AFTER repeat_within_day_count,
    ADD COLUMN IF NOT EXISTS hop_within_day_count Int64
        COMMENT 'repeats within 24 h on another channel than the resolved one' AFTER repeat_within_week_count,
    ADD COLUMN IF NOT EXISTS hop_within_week_count Int64
        COMMENT 'repeats within 7 days on another channel than the resolved one' AFTER hop_within_day_count,
    ADD COLUMN IF NOT EXISTS escalated_exposure_count Int64
        COMMENT 'public contacts within 72 h of a private one of the same customer' AFTER hop_within_week_count,
    ADD COLUMN IF NOT EXISTS case_began_count Int64
        COMMENT 'cases, or episodes of a customer without one, that began' AFTER escalated_exposure_count,
    ADD COLUMN IF NOT EXISTS queue_wait_count Int64
        COMMENT 'times that a known customer came to wait in a queue' AFTER case_began_count,
    ADD COLUMN IF NOT EXISTS case_transfer_count Int64 COMMENT 'transfers of known customers' AFTER queue_wait_count,
    ADD COLUMN IF NOT EXISTS known_session_ended_count Int64
        COMMENT 'self-service sessions of known customers that ended' AFTER case_transfer_count,
    ADD COLUMN IF NOT EXISTS session_verifiable_count Int64
        COMMENT 'stock: the same, a day after the end' AFTER known_session_ended_count,
    ADD COLUMN IF NOT EXISTS session_verified_count Int64
        COMMENT 'stock: those contained and without a human for that day, a day after the end' AFTER session_verifiable_count,
    ADD COLUMN IF NOT EXISTS is_session Bool COMMENT 'a self-service session that has not ended' AFTER has_peer_answered,
    ADD COLUMN IF NOT EXISTS fact_at Array(Int64) COMMENT 'of a customer, per fact: UTC epoch ms',
    ADD COLUMN IF NOT EXISTS fact_kinds Array(UInt8) COMMENT 'what the fact says, by streams/conversations/facts.py',
    ADD COLUMN IF NOT EXISTS fact_conversations Array(UInt64) COMMENT 'hash of the conversation that it is about',
    ADD COLUMN IF NOT EXISTS fact_cases Array(String) COMMENT 'pseudonym of the case',
    ADD COLUMN IF NOT EXISTS fact_tenants Array(String) COMMENT 'dimensions in which the fact counts',
    ADD COLUMN IF NOT EXISTS fact_queues Array(String),
    ADD COLUMN IF NOT EXISTS fact_channels Array(String),
    ADD COLUMN IF NOT EXISTS fact_visibilities Array(String);

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
    known_session_ended_count, session_verifiable_count, session_verified_count, first_peer_answer_histogram
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

-- Of the interactions alone, as before: their books count records, and nothing of the customers' stage belongs to them.
CREATE OR REPLACE VIEW checkpoints AS
SELECT
    log, kafka_partition, epoch, revision, next_offset, watermark, configuration, configuration_number, reporting_zone,
    partition_count, last_offset, last_record_hash, reason, consumed_count, applied_count, duplicate_count,
    rejected_count, late_count, ignored_count, clamped_count, unknown_channel_count, dropped_field_count, forgotten_count
FROM ledger FINAL
WHERE kind = 'checkpoint' AND stage = ''
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The same for the stage of customers. Its books count facts: those that stage 1 told again are duplicates.
CREATE OR REPLACE VIEW customer_checkpoints (
    log LowCardinality(String) COMMENT 'the topic of contacts',
    kafka_partition UInt16 COMMENT 'of that topic',
    epoch UInt32 COMMENT 'counts the lives of that topic',
    revision UInt64 COMMENT 'epoch << 40 | next offset',
    next_offset UInt64 COMMENT 'the first offset not folded yet',
    watermark DateTime64(3, 'UTC') COMMENT 'latest event time of a fact',
    configuration String COMMENT 'version of the rules',
    configuration_number UInt32 COMMENT 'counts the changes of configuration of the interactions',
    reporting_zone LowCardinality(String) COMMENT 'the zone of the day tier',
    partition_count UInt16 COMMENT 'partitions of that topic',
    last_offset Int64 COMMENT 'offset of the last record folded, -1 before the first',
    last_record_hash UInt64 COMMENT 'BLAKE2b-64 of its key and value, to know the log again',
    reason String COMMENT 'why the epoch was begun',
    source_positions Map(UInt16, UInt64) COMMENT 'by partition of the interactions, the place of the last fact taken in',
    consumed_count Int64 COMMENT 'facts read; consumed = applied + duplicate + rejected',
    applied_count Int64 COMMENT 'facts taken in',
    duplicate_count Int64 COMMENT 'facts that stage 1 told again, after it was killed or restored',
    rejected_count Int64 COMMENT 'records of that topic that hold no facts: somebody else wrote them'
) AS
SELECT
    log, kafka_partition, epoch, revision, next_offset, watermark, configuration, configuration_number, reporting_zone,
    partition_count, last_offset, last_record_hash, reason, source_positions, consumed_count, applied_count, duplicate_count,
    rejected_count
FROM ledger FINAL
WHERE kind = 'checkpoint' AND stage = 'customers'
SETTINGS do_not_merge_across_partitions_select_final = 1;
