-- Repeat contacts
-- Contacts of a customer who had one resolved within the last 24 hours or 7 days, of those with a known
-- customer; and those of them on another channel.
SELECT
    $__timeInterval(start) AS time,
    sum(repeat_within_day_count) / nullIf(sum(known_contact_count), 0) AS within_24_hours,
    sum(repeat_within_week_count) / nullIf(sum(known_contact_count), 0) AS within_7_days,
    sum(hop_within_week_count) / nullIf(sum(known_contact_count), 0) AS on_another_channel
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
