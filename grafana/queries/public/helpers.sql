-- On how many shoulders
-- How concentrated help is, by day: share of the busiest tenth of helpers, and the Gini coefficient.
SELECT
    day,
    tenant,
    measure,
    helper_count AS helpers,
    helped_count AS helped,
    top_10_percent_ratio AS from_top_10_percent,
    gini_ratio AS gini
FROM peer_concentration_by_day
WHERE day >= toDate($__fromTime) AND day <= toDate($__toTime) AND $__conditionalAll(tenant IN (${tenant:singlequote}), $tenant)
ORDER BY day DESC, tenant, measure
LIMIT 60
