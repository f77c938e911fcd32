-- Customer known
-- Share of contacts whose customer is known. Figures per customer cover these contacts only.
SELECT sum(known_contact_count) / nullIf(sum(contact_count), 0) AS known_ratio
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
