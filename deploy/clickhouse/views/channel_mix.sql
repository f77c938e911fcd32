-- The contacts by channel. Only rows with a count.
--
-- needs: functions, ledger_rows, watermarks

-- for each of: minute, hour, day
CREATE OR REPLACE VIEW channel_mix_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    mode LowCardinality(String) COMMENT 'sync or async, as configured for the channel; empty when the channel is unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    opened_count Int64 COMMENT 'inbound conversations opened; a transfer chain counts once',
    inbound_message_count Int64 COMMENT 'messages from customers'
) AS
SELECT {interval_start}, tenant, queue, channel, mode, visibility,
    sum(contact_count) AS opened_count, sum(panes.inbound_message_count) AS inbound_message_count
FROM panes
WHERE tier = '{interval}'
GROUP BY {interval}, tenant, queue, channel, mode, visibility
HAVING opened_count != 0 OR inbound_message_count != 0;
