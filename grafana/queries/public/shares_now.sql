-- Shares, 10 min
-- Shares of public posts in the ten minutes before the watermark or the end of the range.
SELECT sum(shared_10_minutes_count) AS shares
FROM brand_virality_at(at = (SELECT least($__toTime, settled) FROM watermarks))
WHERE {filter_of_tenant}
