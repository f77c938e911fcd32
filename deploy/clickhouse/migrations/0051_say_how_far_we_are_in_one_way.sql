-- 0051: one meaning of how far the numbers are. `settled` goes on with stage 2, which knows of a partition that it has
-- nothing more to read: an idle one no longer holds it. And no number claims to hold for a future, which only a wrong clock tells.
CREATE OR REPLACE VIEW watermarks (
    latest DateTime64(3, 'UTC') COMMENT 'latest event time folded by any partition; never after now',
    settled DateTime64(3, 'UTC') COMMENT 'everything before it is folded: up to where each partition that has seen an event is, or up to where all is judged, if that is later; never after now',
    reporting_zone String COMMENT 'the zone whose days are the days of the views'
) AS
SELECT
    least(max(latest_at), now64(3, 'UTC')) AS latest,
    least(min(settled_at), now64(3, 'UTC')) AS settled,
    argMax(zone, (latest_at, newest)) AS reporting_zone
FROM (
    SELECT log, max(watermark) AS latest_at, max(revision) AS newest, argMax(zone, (watermark, revision)) AS zone,
        greatest(minIf(watermark, watermark > toDateTime64(0, 3, 'UTC')), any(judged_at)) AS settled_at
    FROM (
        SELECT log, kafka_partition, argMax(c.watermark, c.revision) AS watermark, max(c.revision) AS revision,
            argMax(c.reporting_zone, c.revision) AS zone
        FROM checkpoints AS c
        GROUP BY log, kafka_partition
    ) AS p
    LEFT JOIN (
        SELECT log, fromUnixTimestamp64Milli(toInt64((max(minute) + 1) * 60000), 'UTC') AS judged_at
        FROM rolling_checkpoints
        GROUP BY log
    ) AS j USING (log)
    GROUP BY log
    HAVING latest_at > toDateTime64(0, 3, 'UTC')
);
