-- Public and private
-- Contacts by visibility.
SELECT
    $__timeInterval(start) AS time,
    sumIf(contact_count, visibility = 'public') AS public,
    sumIf(contact_count, visibility = 'private') AS private,
    sumIf(contact_count, visibility NOT IN ('public', 'private')) AS unknown
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
GROUP BY time
ORDER BY time
