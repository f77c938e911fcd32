-- Numbers hold for
-- The watermark, or the end of the range where that is earlier: what happened before is in, but for what comes late.
SELECT if(toUnixTimestamp(settled) = 0, 'nothing yet', formatDateTime(least(settled, $__toTime), '%F %T UTC')) AS holds_for
FROM watermarks
