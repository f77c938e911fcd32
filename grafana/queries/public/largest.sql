-- Largest post
-- Share of the most shared root post among all shares of its brand in the last ten minutes.
SELECT max(largest_root_ratio) AS largest_root_ratio
FROM brand_virality_at(at = (SELECT least($__toTime, settled) FROM watermarks))
WHERE {filter_of_tenant}
