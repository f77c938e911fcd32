-- 0062: views are no longer made by numbered files, but by those in views/, each again when its content has changed. What has
-- been applied of each is recorded with its checksum, and which of its views there have been: one that no file holds any
-- more is dropped.
ALTER TABLE migrations
    ADD COLUMN IF NOT EXISTS checksum String
        COMMENT 'of a file in views/ (number 0): of its content and of that of the files it needs; the newest row counts',
    MODIFY COLUMN applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC');

ALTER TABLE schema_parts
    ADD COLUMN IF NOT EXISTS made_by String
        COMMENT 'the files that made it; empty in rows from before this column, which do not count';
