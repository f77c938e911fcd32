-- Drift by tenant
-- Jensen-Shannon distance of the mix from the same hours of the weeks before, in the chosen window.
SELECT $__timeInterval(emitted_at) AS time, {tenant_name}, max(drift) AS drift
FROM rolling
WHERE window_seconds = ${window} AND scope = 'tenant' AND $__timeFilter(emitted_at) AND {filter_of_tenant}
GROUP BY time, tenant_name
ORDER BY time
