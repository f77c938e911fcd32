-- Numbers hold for
-- The watermark: all events before it have been counted. Minutes after it may still grow.
SELECT toUnixTimestamp64Milli(settled) AS as_of FROM watermarks
