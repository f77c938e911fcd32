-- Tenants
-- What there is to choose from in the range.
SELECT DISTINCT tenant FROM panes_between(from = $__fromTime, to = $__toTime) WHERE tenant != '' ORDER BY tenant
