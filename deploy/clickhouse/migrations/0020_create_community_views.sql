-- 0020: the community: how soon peers answer, what they solve, and what they save the service (views/peer_support.sql).
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
