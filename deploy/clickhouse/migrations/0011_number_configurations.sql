-- 0011: configurations are numbered. A version is a hash and has no order, so a worker could not tell whether a checkpoint
-- comes from the configuration before its own or from the one after it; the number says so.
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS configuration_number UInt32
    COMMENT 'of a checkpoint: counts the changes of configuration of this log' AFTER configuration;

CREATE OR REPLACE VIEW checkpoints AS
SELECT
    log, kafka_partition, epoch, revision, next_offset, watermark, configuration, configuration_number, reporting_zone,
    partition_count, last_offset, last_record_hash, reason, consumed_count, applied_count, duplicate_count,
    rejected_count, late_count, ignored_count, clamped_count, unknown_channel_count, dropped_field_count, forgotten_count
FROM ledger FINAL
WHERE kind = 'checkpoint'
SETTINGS do_not_merge_across_partitions_select_final = 1;
