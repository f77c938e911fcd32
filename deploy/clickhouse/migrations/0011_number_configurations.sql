-- 0011: configurations are numbered. A version is a hash and has no order, so a worker could not tell whether a checkpoint
-- comes from the configuration before its own or from the one after it; the number says so.
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS configuration_number UInt32
    COMMENT 'of a checkpoint: counts the changes of configuration of this log' AFTER configuration;
