-- Customer known
-- Coverage: share of contacts whose customer is known. The numbers per customer refer to these.
SELECT sum(known_contact_count) / nullIf(sum(contact_count), 0) AS known_ratio
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
