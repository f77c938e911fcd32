-- 0050: the last usable timestamp of the log, which stands for those that a broker cannot have given. And what the fold must know of a conversation whose `opened` comes late, or of one that the customer wrote to after it
-- departed: who waited since when, so that the opening or the reopening finds it.
ALTER TABLE ledger
    ADD COLUMN IF NOT EXISTS broker_at DateTime64(3, 'UTC')
        COMMENT 'of a checkpoint: the last usable timestamp of a record' AFTER watermark,
    ADD COLUMN IF NOT EXISTS asked_at DateTime64(3, 'UTC')
        COMMENT 'the customer''s earliest message without an answer since the opening, the departure or the last answer' AFTER episode_since,
    ADD COLUMN IF NOT EXISTS first_turn String
        COMMENT 'for the fold itself, JSON: how the first turn ended, while the opening has not come' AFTER clock_visibilities;
