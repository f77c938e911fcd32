-- What customers had to go through again. Known customers only, as in `repeat_contacts.sql`.
--
-- needs: functions, ledger_rows, watermarks

-- for each of: minute, hour, day
CREATE OR REPLACE VIEW repetition_burden_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    case_count Int64 COMMENT 'cases of known customers that began; contacts without a case form one while they are less than 7 days apart',
    burden_count Int64 COMMENT 'sum of the columns that follow; divided by case_count it is the repetition burden',
    queue_wait_count Int64 COMMENT 'times that customers entered a queue',
    transfer_count Int64 COMMENT 'transfers',
    repeat_count Int64 COMMENT 'contacts within 7 days of a resolve',
    hop_count Int64 COMMENT 'those of them on another channel'
) AS
SELECT {interval_start}, tenant, queue, channel, visibility, sum(case_began_count) AS case_count,
    queue_wait_count + transfer_count + repeat_count + hop_count AS burden_count,
    sum(p.queue_wait_count) AS queue_wait_count, sum(case_transfer_count) AS transfer_count,
    sum(repeat_within_week_count) AS repeat_count, sum(hop_within_week_count) AS hop_count
FROM panes AS p
WHERE tier = '{interval}'
GROUP BY {interval}, tenant, queue, channel, visibility
HAVING case_count != 0 OR queue_wait_count != 0 OR transfer_count != 0 OR repeat_count != 0 OR hop_count != 0;
