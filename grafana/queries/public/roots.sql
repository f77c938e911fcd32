-- Root posts
-- Posts of the last 7 days and their effect: reach, distinct people, shares, and growth of the last ten
-- minutes.
SELECT
    root_post_id AS root_post,
    source,
    reach_count AS reach,
    actor_count AS people,
    shared_count AS shares,
    shared_10_minutes_count AS shares_10_minutes,
    growth_ratio
FROM virality_at(at = (SELECT least($__toTime, settled) FROM watermarks))
WHERE {filter_of_tenant}
ORDER BY shares_10_minutes DESC, shares DESC
LIMIT 25
