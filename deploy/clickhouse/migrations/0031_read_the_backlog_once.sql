-- 0031: the views of the backlog as before, read once. Each asked eight times how far the ledger is and read the panes
-- twice, which took ClickHouse four times as long, nearly all of it before the first row was read.
--
-- A cell has a row for each interval from its first change to the one that holds the latest watermark: a change stands
-- for the intervals up to the next one.

CREATE OR REPLACE VIEW backlog_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    open_count Int64 COMMENT 'conversations open at the end of the minute',
    arrived_count Int64 COMMENT 'opened and reopened in the minute',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the minute',
    moved_in_count Int64 COMMENT 'open ones that changed into this cell',
    moved_out_count Int64 COMMENT 'open ones that changed out of this cell'
) AS
WITH
    (SELECT (latest, reporting_zone) FROM watermarks) AS reach,
    toDateTime(toStartOfDay(toTimezone(reach.1 - INTERVAL 14 DAY, reach.2)) + INTERVAL 1 DAY, 'UTC') AS minutes_from,
    toStartOfMinute(toDateTime(reach.1, 'UTC')) AS last_minute
SELECT
    toDateTime(arrayJoin(range(toUInt32(changed), toUInt32(changes_again), 60)), 'UTC') AS minute,
    tenant, queue, channel, visibility, open AS open_count,
    if(minute = changed, arrived, 0) AS arrived_count, if(minute = changed, departed, 0) AS departed_count,
    if(minute = changed, moved_in, 0) AS moved_in_count, if(minute = changed, moved_out, 0) AS moved_out_count
FROM (
    SELECT changed, tenant, queue, channel, visibility, arrived, departed, moved_in, moved_out,
        toInt64(sum(base + arrived - departed + moved_in - moved_out) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed
        )) AS open,
        leadInFrame(changed, 1, last_minute + 60) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        ) AS changes_again
    FROM (
        SELECT if(tier = 'minute', start, minutes_from) AS changed, tenant, queue, channel, visibility,
            sumIf(opened_count + reopened_count, tier = 'minute') AS arrived,
            sumIf(resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count, tier = 'minute') AS departed,
            sumIf(moved_in_count, tier = 'minute') AS moved_in, sumIf(moved_out_count, tier = 'minute') AS moved_out,
            -- What was open when the tier begins.
            sumIf(opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count
                - merged_count - deleted_count - expiring_count, tier = 'day') AS base
        FROM panes
        WHERE (tier = 'minute' AND start >= minutes_from AND start <= last_minute) OR (tier = 'day' AND start < minutes_from)
        GROUP BY changed, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    )
);

CREATE OR REPLACE VIEW backlog_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    open_count Int64 COMMENT 'conversations open at the end of the hour',
    arrived_count Int64 COMMENT 'opened and reopened in the hour',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the hour',
    moved_in_count Int64 COMMENT 'open ones that changed into this cell',
    moved_out_count Int64 COMMENT 'open ones that changed out of this cell'
) AS
WITH
    (SELECT (latest, reporting_zone) FROM watermarks) AS reach,
    toDateTime(toStartOfDay(toTimezone(reach.1 - INTERVAL 400 DAY, reach.2)) + INTERVAL 1 DAY, 'UTC') AS hours_from,
    toStartOfHour(toDateTime(reach.1, 'UTC')) AS last_hour
SELECT
    toDateTime(arrayJoin(range(toUInt32(changed), toUInt32(changes_again), 3600)), 'UTC') AS hour,
    tenant, queue, channel, visibility, open AS open_count,
    if(hour = changed, arrived, 0) AS arrived_count, if(hour = changed, departed, 0) AS departed_count,
    if(hour = changed, moved_in, 0) AS moved_in_count, if(hour = changed, moved_out, 0) AS moved_out_count
FROM (
    SELECT changed, tenant, queue, channel, visibility, arrived, departed, moved_in, moved_out,
        toInt64(sum(base + arrived - departed + moved_in - moved_out) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed
        )) AS open,
        leadInFrame(changed, 1, last_hour + 3600) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        ) AS changes_again
    FROM (
        SELECT if(tier = 'hour', start, hours_from) AS changed, tenant, queue, channel, visibility,
            sumIf(opened_count + reopened_count, tier = 'hour') AS arrived,
            sumIf(resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count, tier = 'hour') AS departed,
            sumIf(moved_in_count, tier = 'hour') AS moved_in, sumIf(moved_out_count, tier = 'hour') AS moved_out,
            -- What was open when the tier begins.
            sumIf(opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count
                - merged_count - deleted_count - expiring_count, tier = 'day') AS base
        FROM panes
        WHERE (tier = 'hour' AND start >= hours_from AND start <= last_hour) OR (tier = 'day' AND start < hours_from)
        GROUP BY changed, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    )
);

CREATE OR REPLACE VIEW backlog_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    open_count Int64 COMMENT 'conversations open at the end of the day',
    arrived_count Int64 COMMENT 'opened and reopened in the day',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the day',
    moved_in_count Int64 COMMENT 'open ones that changed into this cell',
    moved_out_count Int64 COMMENT 'open ones that changed out of this cell'
) AS
WITH
    (SELECT (latest, reporting_zone) FROM watermarks) AS reach,
    toDate(toTimezone(reach.1, reach.2)) AS last_day
SELECT
    toDate(arrayJoin(range(toUInt32(changed), toUInt32(changes_again)))) AS day,
    tenant, queue, channel, visibility, open AS open_count,
    if(day = changed, arrived, 0) AS arrived_count, if(day = changed, departed, 0) AS departed_count,
    if(day = changed, moved_in, 0) AS moved_in_count, if(day = changed, moved_out, 0) AS moved_out_count
FROM (
    SELECT changed, tenant, queue, channel, visibility, arrived, departed, moved_in, moved_out,
        toInt64(sum(arrived - departed + moved_in - moved_out) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed
        )) AS open,
        leadInFrame(changed, 1, last_day + 1) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        ) AS changes_again
    FROM (
        SELECT toDate(toTimezone(start, reach.2)) AS changed, tenant, queue, channel, visibility,
            sumIf(opened_count + reopened_count, tier = 'day') AS arrived,
            sumIf(resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count, tier = 'day')
                -- What expires later on the last day is still open.
                - sumIf(expiring_count, tier = 'minute') AS departed,
            sumIf(moved_in_count, tier = 'day') AS moved_in, sumIf(moved_out_count, tier = 'day') AS moved_out
        FROM panes
        WHERE (tier = 'day' OR (tier = 'minute' AND start > reach.1 AND expiring_count != 0))
            AND toDate(toTimezone(start, reach.2)) <= last_day
        GROUP BY changed, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0
    )
);

-- How long the open conversations have been open, at the latest watermark.
CREATE OR REPLACE VIEW backlog_age (
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    age LowCardinality(String) COMMENT 'time since the last opening or reopening: < 1 h, 1-4 h, 4-24 h, 1-7 d, 7-30 d, 30-90 d, > 90 d',
    age_from_seconds UInt32 COMMENT 'lower end of that span, to order by',
    open_count Int64 COMMENT 'conversations open',
    oldest_since DateTime('UTC') COMMENT 'interval (minute; hour or day where it is weeks ago) in which the oldest of them opened'
) AS
WITH
    (SELECT (latest, reporting_zone) FROM watermarks) AS reach,
    toDateTime(toStartOfDay(toTimezone(reach.1 - INTERVAL 14 DAY, reach.2)) + INTERVAL 1 DAY, 'UTC') AS minutes_from,
    toDateTime(toStartOfDay(toTimezone(reach.1 - INTERVAL 400 DAY, reach.2)) + INTERVAL 1 DAY, 'UTC') AS hours_from
SELECT tenant, queue, channel, visibility,
    ['< 1 h', '1-4 h', '4-24 h', '1-7 d', '7-30 d', '30-90 d', '> 90 d'][bucket] AS age,
    [0, 3600, 14400, 86400, 604800, 2592000, 7776000][bucket] AS age_from_seconds,
    sum(open_now) AS open_count,
    min(start) AS oldest_since
FROM (
    SELECT tenant, queue, channel, visibility, start, sum(unexpired(open_since_by_expiry, reach.1)) AS open_now,
        arrayCount(limit -> dateDiff('second', start, toDateTime(reach.1)) >= limit,
            [0, 3600, 14400, 86400, 604800, 2592000, 7776000]) AS bucket
    FROM panes
    WHERE (tier = 'minute' AND start >= minutes_from)
        OR (tier = 'hour' AND start >= hours_from AND start < minutes_from)
        OR (tier = 'day' AND start < hours_from)
    GROUP BY tenant, queue, channel, visibility, start
    HAVING open_now != 0
)
GROUP BY tenant, queue, channel, visibility, bucket;
