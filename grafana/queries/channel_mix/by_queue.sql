-- By queue and channel
-- Contacts and messages of the range.
SELECT
    {queue_name},
    {channel_name},
    sum(contact_count) AS contacts,
    sum(contact_count) / nullIf(sum(sum(contact_count)) OVER (PARTITION BY queue_name), 0) AS share_of_queue,
    sum(inbound_message_count) AS messages
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY queue_name, channel_name
HAVING contacts > 0
ORDER BY queue_name, contacts DESC
