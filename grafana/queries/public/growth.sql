-- Growth
-- Shares of the last ten minutes / those of the ten before.
SELECT sum(shared_10_minutes_count) / nullIf(sum(shared_10_minutes_before_count), 0) AS growth_ratio
FROM brand_virality_at(at = (SELECT least($__toTime, settled) FROM watermarks))
WHERE {filter_of_tenant}
