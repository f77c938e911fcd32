-- Contacts
-- Inbound conversations opened in the range; a transfer chain counts once.
SELECT sum(contact_count) AS contacts
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
