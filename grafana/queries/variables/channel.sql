-- Channels
-- The choices in the range: the value, and the name that is shown for it.
SELECT {channel_value}, {channel_name}
FROM panes_between(from = $__fromTime, to = $__toTime)
GROUP BY channel
ORDER BY channel_name
