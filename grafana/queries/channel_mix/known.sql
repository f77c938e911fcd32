-- Customer known
-- Coverage: share of contacts whose customer is known. What follows per customer holds for these.
SELECT sum(known_contact_count) / nullIf(sum(contact_count), 0) AS known_ratio
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
