-- The backlog at the end of every interval, and its changes. A cell has a row for each interval from its first change to the
-- one that contains the latest watermark; a change holds until the next one. An expiry is a departure once it is reached.
--
-- needs: functions, ledger_rows, watermarks, reporting_days

-- Dense over the last {complete_days} days only: no earlier {interval} has a row, and whatever was open by then is in the first
-- one.
-- for each of: minute, hour
CREATE OR REPLACE VIEW backlog_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    open_count Int64 COMMENT 'conversations open at the end of the {interval}',
    arrived_count Int64 COMMENT 'opened and reopened in the {interval}',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the {interval}',
    moved_in_count Int64 COMMENT 'open conversations that moved into this cell',
    moved_out_count Int64 COMMENT 'open conversations that moved out of this cell'
) AS
WITH
    (SELECT latest FROM watermarks) AS latest,
    toStartOfInterval(toDateTime(latest - INTERVAL {complete_days} DAY, 'UTC'), INTERVAL 1 {interval}) + {interval_seconds} AS dense_from,
    toStartOfInterval(toDateTime(latest, 'UTC'), INTERVAL 1 {interval}) AS last_start
SELECT
    toDateTime(arrayJoin(range(toUInt32(changed), toUInt32(changes_again), {interval_seconds})), 'UTC') AS {interval},
    tenant, queue, channel, visibility, open AS open_count,
    if({interval} = changed, arrived, 0) AS arrived_count, if({interval} = changed, departed, 0) AS departed_count,
    if({interval} = changed, moved_in, 0) AS moved_in_count, if({interval} = changed, moved_out, 0) AS moved_out_count
FROM (
    SELECT changed, tenant, queue, channel, visibility, arrived, departed, moved_in, moved_out,
        toInt64(sum(base + arrived - departed + moved_in - moved_out) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed
        )) AS open,
        leadInFrame(changed, 1, last_start + {interval_seconds}) OVER (
            PARTITION BY tenant, queue, channel, visibility ORDER BY changed ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        ) AS changes_again
    FROM (
        SELECT placed.1 AS changed, tenant, queue, channel, visibility,
            sum(placed.2 * (opened_count + reopened_count)) AS arrived,
            sum(placed.2 * (resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count)) AS departed,
            sum(placed.2 * moved_in_count) AS moved_in, sum(placed.2 * moved_out_count) AS moved_out,
            -- What was open at the beginning of the tier: the sum of all days less that of the tier.
            sum(placed.3 * (opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count
                - merged_count - deleted_count - expiring_count)) AS base
        FROM (
            SELECT *, arrayJoin(if(tier = 'day', [(dense_from, 0, 1)], [(start, 1, 0), (dense_from, 0, -1)])) AS placed
            FROM (
                SELECT tier, start, tenant, queue, channel, visibility, sum(p.opened_count) AS opened_count,
                    sum(p.reopened_count) AS reopened_count, sum(p.moved_in_count) AS moved_in_count,
                    sum(p.moved_out_count) AS moved_out_count, sum(p.resolved_count) AS resolved_count,
                    sum(p.closed_count) AS closed_count, sum(p.abandoned_count) AS abandoned_count,
                    sum(p.merged_count) AS merged_count, sum(p.deleted_count) AS deleted_count,
                    sum(p.expiring_count) AS expiring_count
                FROM panes AS p
                WHERE tier = 'day' OR (tier = '{interval}' AND start >= dense_from)
                GROUP BY tier, start, tenant, queue, channel, visibility
            )
        )
        WHERE changed <= last_start
        GROUP BY changed, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    )
);

-- Dense over the last 400 days; before those a cell has a row for each day on which it changed.
CREATE OR REPLACE VIEW backlog_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    open_count Int64 COMMENT 'conversations open at the end of the day',
    arrived_count Int64 COMMENT 'opened and reopened in the day',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the day',
    moved_in_count Int64 COMMENT 'open conversations that moved into this cell',
    moved_out_count Int64 COMMENT 'open conversations that moved out of this cell'
) AS
WITH
    (SELECT (latest, reporting_zone) FROM watermarks) AS reach,
    (SELECT (maxIf(start, start <= reach.1), minOrNullIf(start, start > reach.1)) FROM reporting_days) AS days,
    days.1 AS present_day, days.2 AS next_day,
    greatest(toDate(toTimezone(reach.1, reach.2)), reporting_day(present_day, reach.2)) AS last_day,
    last_day - 400 AS dense_from
SELECT
    toDate(arrayJoin(if(
        changed >= dense_from, range(toUInt32(changed), toUInt32(changes_again)),
        arrayConcat([toUInt32(changed)], range(toUInt32(least(dense_from, changes_again)), toUInt32(changes_again)))
    ))) AS day,
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
        SELECT reporting_day(if(tier = 'day', start, assumeNotNull(present_day)), reach.2) AS changed, tenant, queue, channel, visibility,
            sumIf(opened_count + reopened_count, tier = 'day') AS arrived,
            sumIf(resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count, tier = 'day')
                -- What expires later on the last day is still open.
                - sumIf(expiring_count, tier = 'minute') AS departed,
            sumIf(moved_in_count, tier = 'day') AS moved_in, sumIf(moved_out_count, tier = 'day') AS moved_out
        FROM panes
        WHERE (tier = 'day' AND start <= reach.1)
            OR (tier = 'minute' AND start > reach.1 AND (next_day IS NULL OR start < next_day) AND expiring_count != 0)
        GROUP BY changed, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0
    )
);

-- How long the open conversations have been open, at the latest watermark. Those opened on the day in which the hour tier
-- begins are combined: the sum of the days from then on less that of hours and minutes.
CREATE OR REPLACE VIEW backlog_age (
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    age LowCardinality(String) COMMENT 'time since the last opening or reopening: < 1 h, 1-4 h, 4-24 h, 1-7 d, 7-30 d, 30-90 d, > 90 d',
    age_from_seconds UInt32 COMMENT 'lower bound of that range, to sort by',
    open_count Int64 COMMENT 'conversations open',
    oldest_since DateTime('UTC') COMMENT 'interval in which the oldest of them opened (minute; hour or day if that was weeks ago)'
) AS
WITH
    (SELECT latest FROM watermarks) AS latest,
    toStartOfHour(toDateTime(latest - INTERVAL 14 DAY, 'UTC')) + 3600 AS minutes_from,
    toStartOfHour(toDateTime(latest - INTERVAL 400 DAY, 'UTC')) + 3600 AS hours_from,
    (SELECT max(start) FROM reporting_days WHERE start <= hours_from) AS first_day
SELECT tenant, queue, channel, visibility,
    ['< 1 h', '1-4 h', '4-24 h', '1-7 d', '7-30 d', '30-90 d', '> 90 d'][bucket] AS age,
    [0, 3600, 14400, 86400, 604800, 2592000, 7776000][bucket] AS age_from_seconds,
    sum(open_now) AS open_count,
    min(since) AS oldest_since
FROM (
    SELECT tenant, queue, channel, visibility, placed.1 AS since, sum(placed.2 * unexpired_count) AS open_now,
        arrayCount(limit -> dateDiff('second', since, toDateTime(latest, 'UTC')) >= limit,
            [0, 3600, 14400, 86400, 604800, 2592000, 7776000]) AS bucket
    FROM (
        SELECT tenant, queue, channel, visibility,
            arrayJoin(if(tier = 'day', [(least(start, first_day), 1)], [(start, 1), (first_day, -1)])) AS placed,
            unexpired(open_since_by_expiry, latest) AS unexpired_count
        FROM panes
        WHERE tier = 'day' OR (tier = 'minute' AND start >= minutes_from) OR (tier = 'hour' AND start >= hours_from AND start < minutes_from)
    )
    GROUP BY tenant, queue, channel, visibility, since
    HAVING open_now != 0
)
GROUP BY tenant, queue, channel, visibility, bucket;
