-- Synchronous and asynchronous
-- Contacts by the mode of their channel.
SELECT
    $__timeInterval(start) AS time,
    sumIf(contact_count, mode = 'sync') AS sync,
    sumIf(contact_count, mode = 'async') AS async,
    sumIf(contact_count, mode NOT IN ('sync', 'async')) AS other
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
