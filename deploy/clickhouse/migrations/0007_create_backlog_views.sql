-- 0007: the backlog at the end of every interval, and what changed it. Dense per cell from its first change to the
-- interval that holds the latest watermark. A coarser tier stands for what is older than a tier reaches: minutes for 14 days,
-- hours for 400 days, both from a midnight of the reporting zone on; days for ever. An expiry is a departure once it has come.

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
    changes AS (
        SELECT minute, tenant, queue, channel, visibility, sum(arrived) AS arrived, sum(departed) AS departed, sum(moved_in) AS moved_in,
            sum(moved_out) AS moved_out, sum(base) AS base
        FROM (
        SELECT start AS minute, tenant, queue, channel, visibility,
            opened_count + reopened_count AS arrived,
            resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count AS departed,
            moved_in_count AS moved_in, moved_out_count AS moved_out, 0 AS base, 1 AS is_change
        FROM panes
        WHERE tier = 'minute' AND start >= (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 14 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks) AND start <= (SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks)
        UNION ALL
        -- What was open when the tier begins.
        SELECT (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 14 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks) AS minute, tenant, queue, channel, visibility, 0, 0, 0, 0,
            opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count - merged_count - deleted_count - expiring_count AS base, 1 AS is_change
        FROM panes
        WHERE tier = 'day' AND start < (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 14 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks)
        )
        GROUP BY minute, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    ),
    dense AS (
        SELECT minute, tenant, queue, channel, visibility, arrived, departed, moved_in, moved_out, base FROM changes
        UNION ALL
        SELECT toDateTime(arrayJoin(range(toUInt32(min(minute)), toUInt32((SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks)) + 1, 60))) AS minute, tenant, queue, channel, visibility, 0, 0, 0, 0, 0
        FROM changes
        GROUP BY tenant, queue, channel, visibility
    )
SELECT minute, tenant, queue, channel, visibility,
    toInt64(sum(base + arrived - departed + moved_in - moved_out) OVER (
        PARTITION BY tenant, queue, channel, visibility ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )) AS open_count,
    arrived AS arrived_count, departed AS departed_count, moved_in AS moved_in_count, moved_out AS moved_out_count
FROM (
    SELECT minute, tenant, queue, channel, visibility, sum(d.arrived) AS arrived, sum(d.departed) AS departed, sum(d.moved_in) AS moved_in,
        sum(d.moved_out) AS moved_out, sum(d.base) AS base
    FROM dense AS d
    GROUP BY minute, tenant, queue, channel, visibility
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
    changes AS (
        SELECT hour, tenant, queue, channel, visibility, sum(arrived) AS arrived, sum(departed) AS departed, sum(moved_in) AS moved_in,
            sum(moved_out) AS moved_out, sum(base) AS base
        FROM (
        SELECT start AS hour, tenant, queue, channel, visibility,
            opened_count + reopened_count AS arrived,
            resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count AS departed,
            moved_in_count AS moved_in, moved_out_count AS moved_out, 0 AS base, 1 AS is_change
        FROM panes
        WHERE tier = 'hour' AND start >= (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 400 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks) AND start <= (SELECT toStartOfHour(toDateTime(latest, 'UTC')) FROM watermarks)
        UNION ALL
        -- What was open when the tier begins.
        SELECT (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 400 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks) AS hour, tenant, queue, channel, visibility, 0, 0, 0, 0,
            opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count - merged_count - deleted_count - expiring_count AS base, 1 AS is_change
        FROM panes
        WHERE tier = 'day' AND start < (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 400 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks)
        )
        GROUP BY hour, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    ),
    dense AS (
        SELECT hour, tenant, queue, channel, visibility, arrived, departed, moved_in, moved_out, base FROM changes
        UNION ALL
        SELECT toDateTime(arrayJoin(range(toUInt32(min(hour)), toUInt32((SELECT toStartOfHour(toDateTime(latest, 'UTC')) FROM watermarks)) + 1, 3600))) AS hour, tenant, queue, channel, visibility, 0, 0, 0, 0, 0
        FROM changes
        GROUP BY tenant, queue, channel, visibility
    )
SELECT hour, tenant, queue, channel, visibility,
    toInt64(sum(base + arrived - departed + moved_in - moved_out) OVER (
        PARTITION BY tenant, queue, channel, visibility ORDER BY hour ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )) AS open_count,
    arrived AS arrived_count, departed AS departed_count, moved_in AS moved_in_count, moved_out AS moved_out_count
FROM (
    SELECT hour, tenant, queue, channel, visibility, sum(d.arrived) AS arrived, sum(d.departed) AS departed, sum(d.moved_in) AS moved_in,
        sum(d.moved_out) AS moved_out, sum(d.base) AS base
    FROM dense AS d
    GROUP BY hour, tenant, queue, channel, visibility
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
    changes AS (
        SELECT day, tenant, queue, channel, visibility, sum(arrived) AS arrived, sum(departed) AS departed, sum(moved_in) AS moved_in,
            sum(moved_out) AS moved_out, sum(base) AS base
        FROM (
        SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility,
            opened_count + reopened_count AS arrived,
            resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count AS departed,
            moved_in_count AS moved_in, moved_out_count AS moved_out, 0 AS base, 1 AS is_change
        FROM panes
        WHERE tier = 'day' AND day <= toDate(toTimezone((SELECT latest FROM watermarks), (SELECT reporting_zone FROM watermarks)))
        UNION ALL
        -- What expires later on the last day is still open.
        SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, 0, -expiring_count, 0, 0, 0, 0
        FROM panes
        WHERE tier = 'minute' AND start > (SELECT latest FROM watermarks) AND day <= toDate(toTimezone((SELECT latest FROM watermarks), (SELECT reporting_zone FROM watermarks))) AND expiring_count != 0
        )
        GROUP BY day, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    ),
    dense AS (
        SELECT day, tenant, queue, channel, visibility, arrived, departed, moved_in, moved_out, base FROM changes
        UNION ALL
        SELECT toDate(arrayJoin(range(toUInt32(min(day)), toUInt32(toDate(toTimezone((SELECT latest FROM watermarks), (SELECT reporting_zone FROM watermarks)))) + 1, 1))) AS day, tenant, queue, channel, visibility, 0, 0, 0, 0, 0
        FROM changes
        GROUP BY tenant, queue, channel, visibility
    )
SELECT day, tenant, queue, channel, visibility,
    toInt64(sum(base + arrived - departed + moved_in - moved_out) OVER (
        PARTITION BY tenant, queue, channel, visibility ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )) AS open_count,
    arrived AS arrived_count, departed AS departed_count, moved_in AS moved_in_count, moved_out AS moved_out_count
FROM (
    SELECT day, tenant, queue, channel, visibility, sum(d.arrived) AS arrived, sum(d.departed) AS departed, sum(d.moved_in) AS moved_in,
        sum(d.moved_out) AS moved_out, sum(d.base) AS base
    FROM dense AS d
    GROUP BY day, tenant, queue, channel, visibility
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
    (SELECT latest FROM watermarks) AS now,
    (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 14 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks) AS minutes_from,
    (SELECT toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 400 DAY, (SELECT reporting_zone FROM watermarks))) + INTERVAL 1 DAY, 'UTC') FROM watermarks) AS hours_from
SELECT tenant, queue, channel, visibility,
    ['< 1 h', '1-4 h', '4-24 h', '1-7 d', '7-30 d', '30-90 d', '> 90 d'][bucket] AS age,
    [0, 3600, 14400, 86400, 604800, 2592000, 7776000][bucket] AS age_from_seconds,
    sum(open_now) AS open_count,
    min(start) AS oldest_since
FROM (
    SELECT tenant, queue, channel, visibility, start, sum(unexpired(open_since_by_expiry, now)) AS open_now,
        arrayCount(limit -> dateDiff('second', start, toDateTime(now)) >= limit,
            [0, 3600, 14400, 86400, 604800, 2592000, 7776000]) AS bucket
    FROM panes
    WHERE (tier = 'minute' AND start >= minutes_from)
        OR (tier = 'hour' AND start >= hours_from AND start < minutes_from)
        OR (tier = 'day' AND start < hours_from)
    GROUP BY tenant, queue, channel, visibility, start
    HAVING open_now != 0
)
GROUP BY tenant, queue, channel, visibility, bucket;
