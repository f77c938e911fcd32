-- 0032: what speaks for the end of an episode is kept with it, so that a stage that is killed ends it when it would have
-- ended anyway.
ALTER TABLE spikes
    ADD COLUMN IF NOT EXISTS runs String COMMENT 'for the stage itself, JSON: of each series in which the episode shows while it lasts, what was counted since and what speaks for its return';
