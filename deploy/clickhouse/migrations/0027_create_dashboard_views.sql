-- 0027: what dashboards ask for over a span of time: the tier that suits its length, read once.
--
--     SELECT * FROM panes_between(from = '2026-03-01 06:00:00', to = '2026-03-01 12:00:00')
--
-- Up to 12 hours are given by the minute while minutes are complete (14 days), up to 62 days by the hour, more by the day.
-- All intervals that begin within [from, to) count, from the one on that holds `from`.
CREATE OR REPLACE FUNCTION tier_of_span AS (begins_at, ends_at, latest_at) ->
    multiIf(
        ends_at - begins_at <= 43200 AND begins_at >= latest_at - INTERVAL 14 DAY, 'minute',
        ends_at - begins_at <= 5356800 AND begins_at >= latest_at - INTERVAL 400 DAY, 'hour', 'day'
    );

CREATE OR REPLACE VIEW panes_between AS
WITH
    toDateTime({from:DateTime('UTC')}, 'UTC') AS begins_at,
    toDateTime({to:DateTime('UTC')}, 'UTC') AS ends_at,
    (SELECT any(latest) FROM watermarks) AS latest_at,
    tier_of_span(begins_at, ends_at, latest_at) AS suitable_tier
SELECT *
FROM panes
WHERE tier = suitable_tier AND start < ends_at
    AND start > begins_at - multiIf(suitable_tier = 'minute', 60, suitable_tier = 'hour', 3600, 90000);

-- What changes the backlog in a span, by interval: the first row of a cell is what was open when the span began. The
-- backlog at the end of an interval is the sum of all rows up to it, exact and corrected by whatever came late.
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
    (SELECT any(latest) FROM watermarks) AS latest_at,
    (SELECT any(reporting_zone) FROM watermarks) AS zone,
    tier_of_span(begins_at, ends_at, latest_at) AS suitable_tier,
    toDateTime(toStartOfDay(toTimezone(begins_at, zone)), 'UTC') AS day_began_at,
    -- Where the day of the reporting zone does not begin at a full hour, the first one is not to be used.
    toDateTime(ceil(toUnixTimestamp(day_began_at) / 3600) * 3600, 'UTC') AS hours_begin_at,
    toStartOfHour(begins_at) AS hours_end_at,
    toStartOfMinute(begins_at) AS minutes_end_at,
    multiIf(suitable_tier = 'minute', minutes_end_at, suitable_tier = 'hour', hours_end_at, day_began_at) AS first_start
SELECT
    greatest(p.start, assumeNotNull(first_start)) AS start, tenant, queue, channel,
    sum(opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count
        - abandoned_count - merged_count - deleted_count - expiring_count) AS gained_count
FROM panes AS p
WHERE p.start < ends_at AND (
    (tier = 'day' AND (suitable_tier = 'day' OR p.start < day_began_at))
    OR (tier = 'hour' AND suitable_tier != 'day' AND p.start >= hours_begin_at AND (suitable_tier = 'hour' OR p.start < hours_end_at))
    OR (tier = 'minute' AND suitable_tier = 'minute' AND (p.start >= greatest(hours_end_at, hours_begin_at)
        OR (p.start >= day_began_at AND p.start < least(hours_begin_at, first_start))))
    OR (tier = 'minute' AND suitable_tier = 'hour' AND p.start >= day_began_at AND p.start < hours_begin_at)
)
GROUP BY start, tenant, queue, channel
HAVING gained_count != 0;
