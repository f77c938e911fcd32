-- Concentration of help
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
WHERE day BETWEEN toDate(toTimezone($__fromTime, (SELECT reporting_zone FROM watermarks))) AND toDate(toTimezone($__toTime, (SELECT reporting_zone FROM watermarks))) AND {filter_of_tenant}
ORDER BY day DESC, tenant, measure
LIMIT 60
