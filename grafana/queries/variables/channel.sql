-- Channels
-- What there is to choose from in the range.
SELECT DISTINCT channel FROM panes_between(from = $__fromTime, to = $__toTime) WHERE channel != '' ORDER BY channel
