-- Numbers hold for
-- The watermark: everything that happened before it is included. Minutes after it can still grow.
SELECT toUnixTimestamp64Milli(settled) AS as_of FROM watermarks
