-- Self-service sessions, and which of them kept the customer from needing a human. A session is verified once the minute a
-- day after its end is before the watermark and before now, in minutes, hours and days alike.
--
-- needs: functions, ledger_rows, watermarks, reporting_days

CREATE OR REPLACE VIEW self_service_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    ended_count Int64 COMMENT 'self-service sessions that ended in the minute, of any customer',
    contained_count Int64 COMMENT 'those of them without a handoff or an agent message; divided by ended_count it is the containment',
    known_ended_count Int64 COMMENT 'sessions of known customers among ended_count, the coverage of the columns that follow',
    verifiable_count Int64 COMMENT 'sessions of known customers whose end became 24 h old in the minute',
    verified_count Int64 COMMENT 'those of them that were contained and whose customer reached no human in these 24 h'
) AS
SELECT minute, tenant, queue, channel, visibility, sum(ended) AS ended_count, sum(contained) AS contained_count,
    sum(known_ended) AS known_ended_count, sum(verifiable) AS verifiable_count, sum(verified) AS verified_count
FROM (
    SELECT start AS minute, tenant, queue, channel, visibility, session_ended_count AS ended, session_contained_count AS contained,
        known_session_ended_count AS known_ended, if(start < (SELECT minute FROM horizon), session_verifiable_count, 0) AS verifiable,
        if(start < (SELECT minute FROM horizon), session_verified_count, 0) AS verified
    FROM panes
    WHERE tier = 'minute'
)
GROUP BY minute, tenant, queue, channel, visibility
HAVING ended_count != 0 OR contained_count != 0 OR known_ended_count != 0 OR verifiable_count != 0 OR verified_count != 0;

CREATE OR REPLACE VIEW self_service_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    ended_count Int64 COMMENT 'self-service sessions that ended in the hour, of any customer',
    contained_count Int64 COMMENT 'those of them without a handoff or an agent message; divided by ended_count it is the containment',
    known_ended_count Int64 COMMENT 'sessions of known customers among ended_count, the coverage of the columns that follow',
    verifiable_count Int64 COMMENT 'sessions of known customers whose end became 24 h old in the hour',
    verified_count Int64 COMMENT 'those of them that were contained and whose customer reached no human in these 24 h'
) AS
SELECT hour, tenant, queue, channel, visibility, sum(ended) AS ended_count, sum(contained) AS contained_count,
    sum(known_ended) AS known_ended_count, sum(verifiable) AS verifiable_count, sum(verified) AS verified_count
FROM (
    SELECT start AS hour, tenant, queue, channel, visibility, session_ended_count AS ended, session_contained_count AS contained,
        known_session_ended_count AS known_ended, session_verifiable_count AS verifiable,
        session_verified_count AS verified
    FROM panes
    WHERE tier = 'hour'
    UNION ALL
    -- A session that ended less than a day ago is not verified yet.
    SELECT toStartOfHour(start) AS hour, tenant, queue, channel, visibility, 0, 0, 0, -session_verifiable_count, -session_verified_count
    FROM panes
    WHERE tier = 'minute' AND start >= (SELECT minute FROM horizon) AND session_verifiable_count != 0
)
GROUP BY hour, tenant, queue, channel, visibility
HAVING ended_count != 0 OR contained_count != 0 OR known_ended_count != 0 OR verifiable_count != 0 OR verified_count != 0;

CREATE OR REPLACE VIEW self_service_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    ended_count Int64 COMMENT 'self-service sessions that ended in the day, of any customer',
    contained_count Int64 COMMENT 'those of them without a handoff or an agent message; divided by ended_count it is the containment',
    known_ended_count Int64 COMMENT 'sessions of known customers among ended_count, the coverage of the columns that follow',
    verifiable_count Int64 COMMENT 'sessions of known customers whose end became 24 h old in the day',
    verified_count Int64 COMMENT 'those of them that were contained and whose customer reached no human in these 24 h'
) AS
WITH
    (SELECT minute FROM horizon) AS passed_until,
    (SELECT (maxIf(start, start < passed_until), minOrNullIf(start, start >= passed_until)) FROM reporting_days) AS days,
    days.1 AS present_day, days.2 AS next_day
SELECT reporting_day(day_start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility,
    sum(ended) AS ended_count, sum(contained) AS contained_count, sum(known_ended) AS known_ended_count,
    sum(verifiable) AS verifiable_count, sum(verified) AS verified_count
FROM (
    SELECT
        if(tier = 'day', start, assumeNotNull(present_day)) AS day_start, tenant, queue, channel, visibility,
        if(tier = 'day', session_ended_count, 0) AS ended, if(tier = 'day', session_contained_count, 0) AS contained,
        if(tier = 'day', known_session_ended_count, 0) AS known_ended,
        -- A session whose end becomes a day old later on the present day is not verified yet.
        multiIf(tier = 'minute', -1, start < passed_until, 1, 0) AS sign,
        sign * session_verifiable_count AS verifiable, sign * session_verified_count AS verified
    FROM panes
    WHERE tier = 'day' OR (tier = 'minute' AND start >= passed_until AND (next_day IS NULL OR start < next_day))
)
GROUP BY day, tenant, queue, channel, visibility
HAVING ended_count != 0 OR contained_count != 0 OR known_ended_count != 0 OR verifiable_count != 0 OR verified_count != 0;
