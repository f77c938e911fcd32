-- 0043: an id that stands for many people ("anonymous", a company's number) is left out where it is met too often: with more than
-- 256 facts in one of the stretches of 8 days into which event time is cut, and it is told how many contacts that were. What is
-- remembered of a customer lies in a row for each such stretch: its key is the pseudonym, a colon and the number of the
-- stretch since the epoch. Rows of earlier versions, one per customer, are read as they are.
ALTER TABLE ledger
    MODIFY COLUMN conversation_id String
        COMMENT 'unique within its source; of a customer: the pseudonym, a colon, and which 8 days since the epoch',
    ADD COLUMN IF NOT EXISTS left_out_contact_count Int64
        COMMENT 'contacts of ids that stand for more than one person; in none of the other numbers of known customers'
        AFTER session_verified_count;

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

CREATE OR REPLACE VIEW repeat_contacts_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    contact_count Int64 COMMENT 'inbound conversations opened, a transfer chain once',
    known_count Int64 COMMENT 'those of known customers: the denominator of all that follow',
    repeat_within_day_count Int64 COMMENT 'of these, within 24 h of a resolve of another conversation of the same customer',
    repeat_within_week_count Int64 COMMENT 'the same within 7 days',
    hop_within_day_count Int64 COMMENT 'repeats within 24 h on another channel than the conversation that was resolved last',
    hop_within_week_count Int64 COMMENT 'the same within 7 days',
    left_out_count Int64 COMMENT 'contacts of ids that stand for more than one person (over 256 facts within 8 days); not in known_count'
) AS
SELECT start AS minute, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count, sum(left_out_contact_count) AS left_out_count
FROM panes AS p
WHERE tier = 'minute'
GROUP BY minute, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0 OR left_out_count != 0;

CREATE OR REPLACE VIEW repeat_contacts_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    contact_count Int64 COMMENT 'inbound conversations opened, a transfer chain once',
    known_count Int64 COMMENT 'those of known customers: the denominator of all that follow',
    repeat_within_day_count Int64 COMMENT 'of these, within 24 h of a resolve of another conversation of the same customer',
    repeat_within_week_count Int64 COMMENT 'the same within 7 days',
    hop_within_day_count Int64 COMMENT 'repeats within 24 h on another channel than the conversation that was resolved last',
    hop_within_week_count Int64 COMMENT 'the same within 7 days',
    left_out_count Int64 COMMENT 'contacts of ids that stand for more than one person (over 256 facts within 8 days); not in known_count'
) AS
SELECT start AS hour, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count, sum(left_out_contact_count) AS left_out_count
FROM panes AS p
WHERE tier = 'hour'
GROUP BY hour, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0 OR left_out_count != 0;

CREATE OR REPLACE VIEW repeat_contacts_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    contact_count Int64 COMMENT 'inbound conversations opened, a transfer chain once',
    known_count Int64 COMMENT 'those of known customers: the denominator of all that follow',
    repeat_within_day_count Int64 COMMENT 'of these, within 24 h of a resolve of another conversation of the same customer',
    repeat_within_week_count Int64 COMMENT 'the same within 7 days',
    hop_within_day_count Int64 COMMENT 'repeats within 24 h on another channel than the conversation that was resolved last',
    hop_within_week_count Int64 COMMENT 'the same within 7 days',
    left_out_count Int64 COMMENT 'contacts of ids that stand for more than one person (over 256 facts within 8 days); not in known_count'
) AS
SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count, sum(left_out_contact_count) AS left_out_count
FROM panes AS p
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0 OR left_out_count != 0;
