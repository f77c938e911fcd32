-- Synchronous
-- Share of contacts on synchronous channels.
SELECT sumIf(contact_count, mode = 'sync') / nullIf(sum(contact_count), 0) AS sync_ratio
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
