-- Numbers hold for
-- The watermark, or the end of the range if that is earlier: everything before it is included, except late events.
SELECT if(toUnixTimestamp(settled) = 0, 'nothing yet', formatDateTime(least(settled, $__toTime), '%F %T UTC')) AS holds_for
FROM watermarks
