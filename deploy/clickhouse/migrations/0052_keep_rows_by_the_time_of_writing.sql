-- 0052: how long rows are kept goes by when they were written. By the broker's time, a history whose records carry their own
-- old timestamps was gone with the next merge, and what was rejected of it with it.
ALTER TABLE interactions
    ADD COLUMN IF NOT EXISTS inserted_at DateTime('UTC') DEFAULT now() COMMENT 'when it was written here; no part of the event';

ALTER TABLE interactions MODIFY TTL inserted_at + INTERVAL 90 DAY;

ALTER TABLE rejections
    ADD COLUMN IF NOT EXISTS inserted_at DateTime('UTC') DEFAULT now() COMMENT 'when it was written here; no part of the record';

ALTER TABLE rejections MODIFY TTL inserted_at + INTERVAL 30 DAY;
