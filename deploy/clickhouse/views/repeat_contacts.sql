-- Repeat contacts of known customers, beside the contacts of all: nothing is assumed about unknown customers.
-- `known_count / contact_count` is the coverage. Counts of the last seconds may still be missing: `customer_watermarks` has
-- the progress of the customers stage.
--
-- needs: functions, ledger_rows, watermarks

-- for each of: minute, hour, day
CREATE OR REPLACE VIEW repeat_contacts_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    contact_count Int64 COMMENT 'inbound conversations opened; a transfer chain counts once',
    known_count Int64 COMMENT 'those of known customers, the denominator of the columns that follow',
    repeat_within_day_count Int64 COMMENT 'of these, contacts within 24 h after another conversation of the same customer was resolved',
    repeat_within_week_count Int64 COMMENT 'the same within 7 days',
    hop_within_day_count Int64 COMMENT 'repeats within 24 h on a channel other than that of the conversation resolved last',
    hop_within_week_count Int64 COMMENT 'the same within 7 days',
    left_out_count Int64 COMMENT 'contacts of ids that stand for more than one person (over 256 facts within 8 days); not in known_count'
) AS
SELECT {interval_start}, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count, sum(left_out_contact_count) AS left_out_count
FROM panes AS p
WHERE tier = '{interval}'
GROUP BY {interval}, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0 OR left_out_count != 0;
