-- Dead letters
-- Share of the records of the last 15 minutes that were rejected.
SELECT now('UTC') AS time, rejected / greatest(rejected + accepted, 1) AS rejected_ratio
FROM
    (SELECT count() AS rejected FROM rejections FINAL WHERE rejected_at > now('UTC') - INTERVAL 15 MINUTE) AS r,
    (SELECT sum(inbound_message_count + outbound_message_count + opened_count) AS accepted
     FROM panes_between(from = now('UTC') - INTERVAL 15 MINUTE, to = now('UTC'))) AS a
ORDER BY time
