-- What dashboards query over a span of time: the tier that suits its length, read once.
--
--     SELECT * FROM panes_between(from = '2026-03-01 06:00:00', to = '2026-03-01 12:00:00')
--
-- All intervals that begin within [from, to) count, and the one that contains `from`.
--
-- needs: functions, ledger_rows, watermarks, reporting_days

-- The day that contains `from` is the last one that does not start after it, if `from` is on its date.
CREATE OR REPLACE VIEW panes_between AS
WITH
    toDateTime({from:DateTime('UTC')}, 'UTC') AS begins_at,
    toDateTime({to:DateTime('UTC')}, 'UTC') AS ends_at,
    (SELECT (any(latest), any(reporting_zone)) FROM watermarks) AS reach,
    tier_of_span(begins_at, ends_at, reach.1) AS suitable_tier,
    (SELECT tuple(maxIf(start, start <= begins_at)) FROM reporting_days) AS days,
    multiIf(
        suitable_tier = 'minute', toStartOfMinute(begins_at), suitable_tier = 'hour', toStartOfHour(begins_at),
        reporting_day(days.1, reach.2) = toDate(toTimezone(begins_at, reach.2)), days.1, begins_at
    ) AS first_start
SELECT *
FROM panes
WHERE tier = suitable_tier AND start < ends_at AND start >= first_start;

-- The changes of the backlog in a span, by interval; the first row of a cell is what was open when the span began. The
-- backlog at the end of an interval is the sum of all rows up to it, exact and corrected by late events.
CREATE OR REPLACE VIEW backlog_changes_between (
    start DateTime('UTC') COMMENT 'start of the interval',
    tenant LowCardinality(String) COMMENT 'brand or business unit; empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies; empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    gained_count Int64 COMMENT 'conversations that were opened, reopened or moved here, less those that departed or moved away'
) AS
WITH
    toDateTime({from:DateTime('UTC')}, 'UTC') AS begins_at,
    toDateTime({to:DateTime('UTC')}, 'UTC') AS ends_at,
    (SELECT (any(latest), any(reporting_zone)) FROM watermarks) AS reach,
    tier_of_span(begins_at, ends_at, reach.1) AS suitable_tier,
    (SELECT (
        maxIf(start, start <= begins_at),
        maxIf(start, start <= toStartOfHour(begins_at)),
        maxIf(start, start <= toStartOfMinute(begins_at)),
        maxIf(start, start <= reach.1),
        minOrNullIf(start, start > reach.1)
    ) FROM reporting_days) AS days,
    multiIf(
        suitable_tier = 'minute', toStartOfMinute(begins_at), suitable_tier = 'hour', toStartOfHour(begins_at),
        reporting_day(days.1, reach.2) = toDate(toTimezone(begins_at, reach.2)), days.1, begins_at
    ) AS first_start,
    toStartOfHour(first_start) AS first_hour,
    -- The day up to which the base is read from days, and how it is continued, as in `rolling_at`.
    if(suitable_tier = 'hour', days.2, days.3) AS day_began_at,
    toDateTime(ceil(toUnixTimestamp(day_began_at) / 3600) * 3600, 'UTC') AS hours_begin_at,
    hours_begin_at = day_began_at OR day_began_at > reach.1 - INTERVAL 14 DAY AS is_continued,
    days.4 AS present_day, days.5 AS next_day,
    tier = suitable_tier AND p.start >= first_start AND p.start < ends_at AS is_of_span,
    (suitable_tier = 'day' AND tier = 'day' AND p.start < first_start)
        OR (suitable_tier != 'day' AND (
            (tier = 'day' AND (p.start < day_began_at OR NOT is_continued))
            OR (tier = 'hour' AND is_continued AND p.start >= hours_begin_at AND p.start < first_hour)
            OR (tier = 'minute' AND p.start < first_start AND is_continued AND p.start >= day_began_at
                AND NOT (p.start >= hours_begin_at AND p.start < first_hour))
            OR (tier = 'minute' AND p.start < first_start AND NOT is_continued AND p.start >= first_hour)
        )) AS is_base,
    suitable_tier != 'day' AND tier = 'hour' AND NOT is_continued AND p.start >= first_hour AS is_beyond_base,
    -- What expires later on the present day is still open.
    suitable_tier = 'day' AND tier = 'minute' AND p.start > reach.1 AND (next_day IS NULL OR p.start < next_day)
        AND present_day < ends_at AND expiring_count != 0 AS is_expiring_later
SELECT
    placed.1 AS start, tenant, queue, channel, toInt64(sum(placed.2)) AS gained_count
FROM (
    SELECT
        tenant, queue, channel,
        opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count
            - abandoned_count - merged_count - deleted_count - expiring_count AS gained,
        arrayJoin(arrayConcat(
            if(is_of_span, [(p.start, gained + if(p.start > reach.1, expiring_count, 0))], []),
            if(is_base, [(assumeNotNull(first_start), gained)], []),
            if(is_beyond_base, [(assumeNotNull(first_start), -gained)], []),
            if(is_expiring_later, [(assumeNotNull(greatest(present_day, first_start)), expiring_count)], [])
        )) AS placed
    FROM panes AS p
    WHERE is_of_span OR is_base OR is_beyond_base OR is_expiring_later
)
GROUP BY start, tenant, queue, channel
HAVING gained_count != 0;

-- The outcomes of a span, by the same intervals; the present hour and day without their future part.
--
--     SELECT * FROM outcomes_between(from = '2026-03-01 06:00:00', to = '2026-03-01 12:00:00')
CREATE OR REPLACE VIEW outcomes_between (
    start DateTime('UTC') COMMENT 'start of the interval',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    arrived_count Int64 COMMENT 'opened and reopened',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired',
    sla_met_first_response_count Int64 COMMENT 'SLA targets met, dated by the reply',
    sla_met_next_response_count Int64 COMMENT 'SLA targets met, dated by the reply',
    sla_met_resolution_count Int64 COMMENT 'SLA targets met, dated by the resolve',
    sla_missed_first_response_count Int64 COMMENT 'SLA targets missed that fell due in a minute before the watermark and before now',
    sla_missed_next_response_count Int64 COMMENT 'as above',
    sla_missed_resolution_count Int64 COMMENT 'as above',
    session_ended_count Int64 COMMENT 'self-service sessions that ended, of any customer',
    session_contained_count Int64 COMMENT 'those of them without a human',
    session_verifiable_count Int64 COMMENT 'self-service sessions of known customers whose end became 24 h old',
    session_verified_count Int64 COMMENT 'those of them that were contained and whose customer reached no human in these 24 h'
) AS
WITH
    (SELECT minute FROM horizon) AS passed_until,
    toDateTime({from:DateTime('UTC')}, 'UTC') AS begins_at,
    toDateTime({to:DateTime('UTC')}, 'UTC') AS ends_at,
    (SELECT (any(latest), any(reporting_zone)) FROM watermarks) AS reach,
    tier_of_span(begins_at, ends_at, reach.1) AS suitable_tier,
    (SELECT (
        maxIf(start, start <= begins_at),
        maxIf(start, start < passed_until),
        minOrNullIf(start, start >= passed_until),
        -- An expiry is reached at its full hour, so the minute of the watermark is included.
        maxIf(start, start < passed_until + 60),
        minOrNullIf(start, start >= passed_until + 60)
    ) FROM reporting_days) AS days,
    multiIf(
        suitable_tier = 'minute', toStartOfMinute(begins_at), suitable_tier = 'hour', toStartOfHour(begins_at),
        reporting_day(days.1, reach.2) = toDate(toTimezone(begins_at, reach.2)), days.1, begins_at
    ) AS first_start,
    multiIf(suitable_tier = 'day', days.2, suitable_tier = 'hour', toStartOfHour(passed_until - 1), passed_until) AS present_start,
    multiIf(
        suitable_tier = 'day', days.3, suitable_tier = 'hour', toNullable(present_start + 3600), toNullable(passed_until)
    ) AS present_end
SELECT
    start, tenant, queue, channel, visibility, sum(c.arrived) AS arrived_count, sum(c.departed) AS departed_count,
    sum(c.met.1) AS sla_met_first_response_count, sum(c.met.2) AS sla_met_next_response_count, sum(c.met.3) AS sla_met_resolution_count,
    sum(c.missed.1) AS sla_missed_first_response_count, sum(c.missed.2) AS sla_missed_next_response_count,
    sum(c.missed.3) AS sla_missed_resolution_count,
    sum(c.ended) AS session_ended_count, sum(c.contained) AS session_contained_count,
    sum(c.verifiable) AS session_verifiable_count, sum(c.verified) AS session_verified_count
FROM (
    SELECT
        start, tenant, queue, channel, visibility, opened_count + reopened_count AS arrived,
        resolved_count + closed_count + abandoned_count + merged_count + deleted_count
            + if(start < passed_until + 60, expiring_count, 0) AS departed,
        (sla_met_first_response_count, sla_met_next_response_count, sla_met_resolution_count) AS met,
        (
            if(start < passed_until, sla_due_first_response_count, 0), if(start < passed_until, sla_due_next_response_count, 0),
            if(start < passed_until, sla_due_resolution_count, 0)
        ) AS missed,
        p.session_ended_count AS ended, p.session_contained_count AS contained,
        if(start < passed_until, p.session_verifiable_count, 0) AS verifiable,
        if(start < passed_until, p.session_verified_count, 0) AS verified
    FROM panes AS p
    WHERE tier = suitable_tier AND start < ends_at AND start >= first_start
    UNION ALL
    SELECT
        assumeNotNull(present_start), tenant, queue, channel, visibility, 0, 0, (toInt64(0), toInt64(0), toInt64(0)),
        (-sla_due_first_response_count, -sla_due_next_response_count, -sla_due_resolution_count),
        0, 0, -session_verifiable_count, -session_verified_count
    FROM panes
    WHERE tier = 'minute' AND suitable_tier != 'minute' AND start >= passed_until
        AND (present_end IS NULL OR start < present_end) AND present_start >= first_start AND present_start < ends_at
    UNION ALL
    SELECT
        assumeNotNull(days.4), tenant, queue, channel, visibility, 0, -expiring_count, (toInt64(0), toInt64(0), toInt64(0)),
        (toInt64(0), toInt64(0), toInt64(0)), 0, 0, 0, 0
    FROM panes
    WHERE tier = 'minute' AND suitable_tier = 'day' AND start >= passed_until + 60 AND expiring_count != 0
        AND (days.5 IS NULL OR start < days.5)
        AND days.4 >= first_start AND days.4 < ends_at
) AS c
GROUP BY start, tenant, queue, channel, visibility
HAVING arrived_count != 0 OR departed_count != 0 OR sla_met_first_response_count != 0 OR sla_met_next_response_count != 0
    OR sla_met_resolution_count != 0 OR sla_missed_first_response_count != 0 OR sla_missed_next_response_count != 0
    OR sla_missed_resolution_count != 0 OR session_ended_count != 0
    OR session_contained_count != 0 OR session_verifiable_count != 0 OR session_verified_count != 0;
