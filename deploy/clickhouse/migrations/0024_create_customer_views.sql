-- 0024: what is known of customers across their contacts. Numbers of known customers beside those of all: where a customer is
-- unknown nothing is assumed. `known_count` over `contact_count` is the coverage. A number of the last seconds may still come:
-- `customer_watermarks` says how far the stage of customers is.

CREATE OR REPLACE VIEW customer_watermarks (
    latest DateTime64(3, 'UTC') COMMENT 'latest event time of any fact about a customer',
    settled DateTime64(3, 'UTC') COMMENT 'the same of the partition that is furthest behind and has seen a fact'
) AS
SELECT max(watermark) AS latest, minIf(watermark, watermark > toDateTime64(0, 3, 'UTC')) AS settled
FROM (
    SELECT log, kafka_partition, argMax(c.watermark, c.revision) AS watermark
    FROM customer_checkpoints AS c
    GROUP BY log, kafka_partition
);

CREATE OR REPLACE VIEW repeat_contacts_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    contact_count Int64 COMMENT 'inbound conversations opened, a transfer chain once',
    known_count Int64 COMMENT 'those of known customers: the denominator of all that follow',
    repeat_within_day_count Int64 COMMENT 'of these, within 24 h of a resolve of another conversation of the same customer',
    repeat_within_week_count Int64 COMMENT 'the same within 7 days',
    hop_within_day_count Int64 COMMENT 'repeats within 24 h on another channel than the conversation that was resolved last',
    hop_within_week_count Int64 COMMENT 'the same within 7 days'
) AS
SELECT start AS minute, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count
FROM panes AS p
WHERE tier = 'minute'
GROUP BY minute, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0;

CREATE OR REPLACE VIEW repeat_contacts_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    contact_count Int64 COMMENT 'inbound conversations opened, a transfer chain once',
    known_count Int64 COMMENT 'those of known customers: the denominator of all that follow',
    repeat_within_day_count Int64 COMMENT 'of these, within 24 h of a resolve of another conversation of the same customer',
    repeat_within_week_count Int64 COMMENT 'the same within 7 days',
    hop_within_day_count Int64 COMMENT 'repeats within 24 h on another channel than the conversation that was resolved last',
    hop_within_week_count Int64 COMMENT 'the same within 7 days'
) AS
SELECT start AS hour, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count
FROM panes AS p
WHERE tier = 'hour'
GROUP BY hour, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0;

CREATE OR REPLACE VIEW repeat_contacts_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    contact_count Int64 COMMENT 'inbound conversations opened, a transfer chain once',
    known_count Int64 COMMENT 'those of known customers: the denominator of all that follow',
    repeat_within_day_count Int64 COMMENT 'of these, within 24 h of a resolve of another conversation of the same customer',
    repeat_within_week_count Int64 COMMENT 'the same within 7 days',
    hop_within_day_count Int64 COMMENT 'repeats within 24 h on another channel than the conversation that was resolved last',
    hop_within_week_count Int64 COMMENT 'the same within 7 days'
) AS
SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count
FROM panes AS p
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0;

CREATE OR REPLACE VIEW self_service_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    ended_count Int64 COMMENT 'self-service sessions that ended in the minute, of anybody',
    contained_count Int64 COMMENT 'those of them without a handoff or a word of an agent: over ended_count it is the containment',
    known_ended_count Int64 COMMENT 'sessions of known customers among ended_count: the coverage of what follows',
    verifiable_count Int64 COMMENT 'sessions of known customers whose end is 24 h ago in the minute',
    verified_count Int64 COMMENT 'those of them that were contained, and the customer met no human in these 24 h'
) AS
SELECT minute, tenant, queue, channel, visibility, sum(ended) AS ended_count, sum(contained) AS contained_count,
    sum(known_ended) AS known_ended_count, sum(verifiable) AS verifiable_count, sum(verified) AS verified_count
FROM (
    SELECT start AS minute, tenant, queue, channel, visibility, session_ended_count AS ended, session_contained_count AS contained,
        known_session_ended_count AS known_ended, if(start < (SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks), session_verifiable_count, 0) AS verifiable,
        if(start < (SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks), session_verified_count, 0) AS verified
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
    ended_count Int64 COMMENT 'self-service sessions that ended in the hour, of anybody',
    contained_count Int64 COMMENT 'those of them without a handoff or a word of an agent: over ended_count it is the containment',
    known_ended_count Int64 COMMENT 'sessions of known customers among ended_count: the coverage of what follows',
    verifiable_count Int64 COMMENT 'sessions of known customers whose end is 24 h ago in the hour',
    verified_count Int64 COMMENT 'those of them that were contained, and the customer met no human in these 24 h'
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
    -- What is not yet a day ago is not verified.
    SELECT toStartOfHour(start) AS hour, tenant, queue, channel, visibility, 0, 0, 0, -session_verifiable_count, -session_verified_count
    FROM panes
    WHERE tier = 'minute' AND start >= (SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks) AND session_verifiable_count != 0
)
GROUP BY hour, tenant, queue, channel, visibility
HAVING ended_count != 0 OR contained_count != 0 OR known_ended_count != 0 OR verifiable_count != 0 OR verified_count != 0;

CREATE OR REPLACE VIEW self_service_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    ended_count Int64 COMMENT 'self-service sessions that ended in the day, of anybody',
    contained_count Int64 COMMENT 'those of them without a handoff or a word of an agent: over ended_count it is the containment',
    known_ended_count Int64 COMMENT 'sessions of known customers among ended_count: the coverage of what follows',
    verifiable_count Int64 COMMENT 'sessions of known customers whose end is 24 h ago in the day',
    verified_count Int64 COMMENT 'those of them that were contained, and the customer met no human in these 24 h'
) AS
SELECT day, tenant, queue, channel, visibility, sum(ended) AS ended_count, sum(contained) AS contained_count,
    sum(known_ended) AS known_ended_count, sum(verifiable) AS verifiable_count, sum(verified) AS verified_count
FROM (
    SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, session_ended_count AS ended, session_contained_count AS contained,
        known_session_ended_count AS known_ended, session_verifiable_count AS verifiable,
        session_verified_count AS verified
    FROM panes
    WHERE tier = 'day'
    UNION ALL
    -- What is not yet a day ago is not verified.
    SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, 0, 0, 0, -session_verifiable_count, -session_verified_count
    FROM panes
    WHERE tier = 'minute' AND start >= (SELECT toStartOfMinute(toDateTime(latest, 'UTC')) FROM watermarks) AND session_verifiable_count != 0
)
GROUP BY day, tenant, queue, channel, visibility
HAVING ended_count != 0 OR contained_count != 0 OR known_ended_count != 0 OR verifiable_count != 0 OR verified_count != 0;

CREATE OR REPLACE VIEW repetition_burden_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    case_count Int64 COMMENT 'cases of known customers that began; contacts without a case are one while no 7 days lie between them',
    burden_count Int64 COMMENT 'what the customers had to go through again, the sum of what follows: over case_count it is the burden',
    queue_wait_count Int64 COMMENT 'times that they came to wait in a queue',
    transfer_count Int64 COMMENT 'transfers',
    repeat_count Int64 COMMENT 'contacts within 7 days of a resolve',
    hop_count Int64 COMMENT 'those of them on another channel'
) AS
SELECT start AS minute, tenant, queue, channel, visibility, sum(case_began_count) AS case_count,
    queue_wait_count + transfer_count + repeat_count + hop_count AS burden_count,
    sum(p.queue_wait_count) AS queue_wait_count, sum(case_transfer_count) AS transfer_count,
    sum(repeat_within_week_count) AS repeat_count, sum(hop_within_week_count) AS hop_count
FROM panes AS p
WHERE tier = 'minute'
GROUP BY minute, tenant, queue, channel, visibility
HAVING case_count != 0 OR queue_wait_count != 0 OR transfer_count != 0 OR repeat_count != 0 OR hop_count != 0;

CREATE OR REPLACE VIEW repetition_burden_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    case_count Int64 COMMENT 'cases of known customers that began; contacts without a case are one while no 7 days lie between them',
    burden_count Int64 COMMENT 'what the customers had to go through again, the sum of what follows: over case_count it is the burden',
    queue_wait_count Int64 COMMENT 'times that they came to wait in a queue',
    transfer_count Int64 COMMENT 'transfers',
    repeat_count Int64 COMMENT 'contacts within 7 days of a resolve',
    hop_count Int64 COMMENT 'those of them on another channel'
) AS
SELECT start AS hour, tenant, queue, channel, visibility, sum(case_began_count) AS case_count,
    queue_wait_count + transfer_count + repeat_count + hop_count AS burden_count,
    sum(p.queue_wait_count) AS queue_wait_count, sum(case_transfer_count) AS transfer_count,
    sum(repeat_within_week_count) AS repeat_count, sum(hop_within_week_count) AS hop_count
FROM panes AS p
WHERE tier = 'hour'
GROUP BY hour, tenant, queue, channel, visibility
HAVING case_count != 0 OR queue_wait_count != 0 OR transfer_count != 0 OR repeat_count != 0 OR hop_count != 0;

CREATE OR REPLACE VIEW repetition_burden_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    case_count Int64 COMMENT 'cases of known customers that began; contacts without a case are one while no 7 days lie between them',
    burden_count Int64 COMMENT 'what the customers had to go through again, the sum of what follows: over case_count it is the burden',
    queue_wait_count Int64 COMMENT 'times that they came to wait in a queue',
    transfer_count Int64 COMMENT 'transfers',
    repeat_count Int64 COMMENT 'contacts within 7 days of a resolve',
    hop_count Int64 COMMENT 'those of them on another channel'
) AS
SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, visibility, sum(case_began_count) AS case_count,
    queue_wait_count + transfer_count + repeat_count + hop_count AS burden_count,
    sum(p.queue_wait_count) AS queue_wait_count, sum(case_transfer_count) AS transfer_count,
    sum(repeat_within_week_count) AS repeat_count, sum(hop_within_week_count) AS hop_count
FROM panes AS p
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, visibility
HAVING case_count != 0 OR queue_wait_count != 0 OR transfer_count != 0 OR repeat_count != 0 OR hop_count != 0;

-- An exposure is an escalation, too.
CREATE OR REPLACE VIEW escalations_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT start AS minute, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = 'minute' AND kinds.2 != 0
GROUP BY minute, tenant, queue, channel, kind
HAVING escalated_count != 0;

CREATE OR REPLACE VIEW escalations_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT start AS hour, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = 'hour' AND kinds.2 != 0
GROUP BY hour, tenant, queue, channel, kind
HAVING escalated_count != 0;

CREATE OR REPLACE VIEW escalations_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT toDate(toTimezone(start, (SELECT reporting_zone FROM watermarks))) AS day, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = 'day' AND kinds.2 != 0
GROUP BY day, tenant, queue, channel, kind
HAVING escalated_count != 0;
