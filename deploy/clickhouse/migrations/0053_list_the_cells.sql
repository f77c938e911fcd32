-- 0053: the cells that a log is counted in, at most as many as the rules allow: rows of their own kind in the ledger, written
-- with the flush that admits them.
ALTER TABLE ledger
    MODIFY COLUMN kind LowCardinality(String) COMMENT 'checkpoint, pane, conversation, customer, or cell: one that is counted in';
