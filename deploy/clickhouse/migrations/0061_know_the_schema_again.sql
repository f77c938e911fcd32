-- 0061: schema_parts. What the migrations made, written down once they are through, so that sichtflug check can tell what
-- was dropped or altered since. The newest noting counts.
CREATE TABLE IF NOT EXISTS schema_parts (
    noted_at DateTime64(3, 'UTC') COMMENT 'when the migrations were through; one instant for all parts',
    name String COMMENT 'of the table, view or function',
    part String COMMENT 'a column of a table; empty for a view, a function and the table itself',
    content String COMMENT 'the type of a column, the query of a view, empty for a table and a function'
)
ENGINE = MergeTree
ORDER BY (noted_at, name, part);
