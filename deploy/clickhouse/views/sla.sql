-- SLA targets met and missed. A target is missed once its minute is before the watermark and before now, in hours and days
-- alike.
--
-- needs: functions, ledger_rows, watermarks, reporting_days

CREATE OR REPLACE VIEW sla_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    clock LowCardinality(String) COMMENT 'first_response, next_response or resolution',
    met_count Int64 COMMENT 'SLA targets met, dated by the reply',
    missed_count Int64 COMMENT 'SLA targets missed, dated by the minute in which they fell due; only minutes before the watermark and before now'
) AS
SELECT hour, tenant, queue, channel, visibility, clocks.1 AS clock, sum(clocks.2) AS met_count, sum(clocks.3) AS missed_count
FROM (
    SELECT start AS hour, tenant, queue, channel, visibility, [
        ('first_response', sla_met_first_response_count, sla_due_first_response_count),
        ('next_response', sla_met_next_response_count, sla_due_next_response_count),
        ('resolution', sla_met_resolution_count, sla_due_resolution_count)
    ] AS kinds
    FROM panes
    WHERE tier = 'hour'
    UNION ALL
    -- A target due in a minute that is not over yet is not missed.
    SELECT toStartOfHour(start) AS hour, tenant, queue, channel, visibility, [
        ('first_response', toInt64(0), -sla_due_first_response_count),
        ('next_response', toInt64(0), -sla_due_next_response_count),
        ('resolution', toInt64(0), -sla_due_resolution_count)
    ]
    FROM panes
    WHERE tier = 'minute' AND start >= (SELECT minute FROM horizon)
)
ARRAY JOIN kinds AS clocks
GROUP BY hour, tenant, queue, channel, visibility, clock
HAVING met_count != 0 OR missed_count != 0;

CREATE OR REPLACE VIEW sla_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    clock LowCardinality(String) COMMENT 'first_response, next_response or resolution',
    met_count Int64 COMMENT 'SLA targets met, dated by the reply',
    missed_count Int64 COMMENT 'SLA targets missed, dated by the minute in which they fell due; only minutes before the watermark and before now'
) AS
WITH
    (SELECT minute FROM horizon) AS passed_until,
    (SELECT (maxIf(start, start < passed_until), minOrNullIf(start, start >= passed_until)) FROM reporting_days) AS days,
    days.1 AS present_day, days.2 AS next_day
SELECT reporting_day(day_start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility,
    clocks.1 AS clock, sum(clocks.2) AS met_count, sum(clocks.3) AS missed_count
FROM (
    SELECT
        if(tier = 'day', start, assumeNotNull(present_day)) AS day_start, tenant, queue, channel, visibility,
        -- A target due later on the present day is not missed.
        multiIf(tier = 'minute', -1, start < passed_until, 1, 0) AS due_sign,
        [
            ('first_response', if(tier = 'day', sla_met_first_response_count, 0), due_sign * sla_due_first_response_count),
            ('next_response', if(tier = 'day', sla_met_next_response_count, 0), due_sign * sla_due_next_response_count),
            ('resolution', if(tier = 'day', sla_met_resolution_count, 0), due_sign * sla_due_resolution_count)
        ] AS kinds
    FROM panes
    WHERE tier = 'day' OR (tier = 'minute' AND start >= passed_until AND (next_day IS NULL OR start < next_day))
)
ARRAY JOIN kinds AS clocks
GROUP BY day, tenant, queue, channel, visibility, clock
HAVING met_count != 0 OR missed_count != 0;
