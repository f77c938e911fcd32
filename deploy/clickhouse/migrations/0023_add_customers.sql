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
