-- The instant up to which the numbers hold. `settled` advances with the rolling stage, which knows when a partition has nothing
-- more to read, so an idle one does not hold it back. It is never in the future, where only a wrong clock could put it.
--
-- needs: ledger_rows

CREATE OR REPLACE VIEW watermarks (
    latest DateTime64(3, 'UTC') COMMENT 'latest event time folded by any partition; never after now',
    settled DateTime64(3, 'UTC') COMMENT 'everything before it is folded: the lowest watermark of the partitions that have seen an event, or the end of the last minute evaluated, if that is later; never after now',
    reporting_zone String COMMENT 'the zone of the days in the views'
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

-- The same for the customers stage.
CREATE OR REPLACE VIEW customer_watermarks (
    latest DateTime64(3, 'UTC') COMMENT 'latest event time of any fact about a customer',
    settled DateTime64(3, 'UTC') COMMENT 'the same for the partition furthest behind, among those that have seen a fact'
) AS
SELECT max(watermark) AS latest, minIf(watermark, watermark > toDateTime64(0, 3, 'UTC')) AS settled
FROM (
    SELECT log, kafka_partition, argMax(c.watermark, c.revision) AS watermark
    FROM customer_checkpoints AS c
    GROUP BY log, kafka_partition
);

-- The end of the known past: the start of the minute of the latest watermark, or of now if that is earlier.
CREATE OR REPLACE VIEW horizon (
    minute DateTime('UTC') COMMENT 'SLA targets that fall due before it and are not met are missed'
) AS
SELECT toStartOfMinute(toDateTime(least(latest, now64(3, 'UTC')), 'UTC')) AS minute
FROM watermarks;
