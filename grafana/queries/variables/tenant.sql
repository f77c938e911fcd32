-- Tenants
-- The choices in the range: the value, and the name that is shown for it.
SELECT {tenant_value}, {tenant_name}
FROM panes_between(from = $__fromTime, to = $__toTime)
GROUP BY tenant
ORDER BY tenant_name
