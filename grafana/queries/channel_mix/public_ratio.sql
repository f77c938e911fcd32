-- Public
-- Share of contacts that anyone can read.
SELECT sumIf(contact_count, visibility = 'public') / nullIf(sum(contact_count), 0) AS public_ratio
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
