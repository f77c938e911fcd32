-- Contacts by channel
-- Share of each channel among the contacts of an interval.
SELECT $__timeInterval(start) AS time, {channel_name}, sum(contact_count) AS contacts
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time, channel_name
ORDER BY time
