-- 0040: a day is where its pane says. The fold alone knows where a day of the reporting zone begins: it need not be at a full
-- UTC hour (Asia/Kolkata), a day need not have a midnight (clocks that change at 00:00) nor 24 hours, and ClickHouse may know
-- other rules of a zone than Python. So no view computes where a day begins: they read it from `reporting_days`.
--
-- The day tier holds everything, for ever. Where a view continues days with hours or minutes, what had been open before
-- these begin is the sum of all days less what the hours or minutes hold themselves, so a day that begins within an hour
-- is neither counted twice nor left out.
--
-- What has not come to pass is not counted as if it had: promises are missed, and sessions verified, once their minute lies
-- before the watermark and before now, in the minutes, hours and days alike.

-- The date of a day by its start. Noon, because it lies on the same date whatever the clocks do at midnight.
CREATE OR REPLACE FUNCTION reporting_day AS (start, zone) -> toDate(toTimezone(start + INTERVAL 12 HOUR, zone));

CREATE OR REPLACE VIEW reporting_days (
    start DateTime('UTC') COMMENT 'first second of a day in which anything was counted',
    day Date COMMENT 'its date in the reporting zone'
) AS
SELECT DISTINCT start, reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day
FROM ledger
WHERE kind = 'pane' AND tier = 'day';

-- Up to where things have come to pass: the start of the minute of the latest watermark, or of now where that is earlier.
CREATE OR REPLACE VIEW horizon (
    minute DateTime('UTC') COMMENT 'promises that fall due before it and are not kept are missed'
) AS
SELECT toStartOfMinute(toDateTime(least(latest, now64(3, 'UTC')), 'UTC')) AS minute
FROM watermarks;

CREATE OR REPLACE VIEW channel_mix_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    mode LowCardinality(String) COMMENT 'sync or async, as configured for the channel; empty when the channel is unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    opened_count Int64 COMMENT 'inbound conversations opened, a transfer chain once',
    inbound_message_count Int64 COMMENT 'messages from customers'
) AS
SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, mode, visibility,
    sum(contact_count) AS opened_count, sum(panes.inbound_message_count) AS inbound_message_count
FROM panes
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, mode, visibility
HAVING opened_count != 0 OR inbound_message_count != 0;

CREATE OR REPLACE VIEW response_times_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    measure LowCardinality(String) COMMENT 'first_response, reply (every waiting episode) or resolution (last resolve - first opening); _business in the hours of the queue, _service without waiting on the customer',
    ended_count Int64 COMMENT 'durations that ended in the day',
    p50_seconds Nullable(Float64) COMMENT 'median; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % took no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % took no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % took no longer'
) AS
SELECT day, tenant, queue, channel, visibility, measure, arraySum(mapValues(histogram)) AS ended_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility, measures.1 AS measure, sumMap(measures.2) AS histogram
    FROM panes
    ARRAY JOIN [
    ('first_response', first_response_histogram),
    ('first_response_business', first_response_business_histogram),
    ('reply', reply_histogram),
    ('reply_business', reply_business_histogram),
    ('resolution', resolution_histogram),
    ('resolution_business', resolution_business_histogram),
    ('resolution_service', resolution_service_histogram)
    ] AS measures
    WHERE tier = 'day' AND notEmpty(measures.2)
    GROUP BY day, tenant, queue, channel, visibility, measure
)
WHERE ended_count != 0;

CREATE OR REPLACE VIEW peer_resolution_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    accepted_count Int64 COMMENT 'accepted solutions, less those taken back in the day',
    accepted_from_peer_count Int64 COMMENT 'the same, written by peers: over accepted_count it is the peer resolution',
    saved_count Int64 COMMENT 'conversations that a peer solved without a word of an agent, less those that ceased to be so in the day'
) AS
SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility, sum(solution_accepted_count) AS accepted_count,
    sum(solution_accepted_from_peer_count) AS accepted_from_peer_count, sum(saved_by_peer_count) AS saved_count
FROM panes
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, visibility
HAVING accepted_count != 0 OR accepted_from_peer_count != 0 OR saved_count != 0;

CREATE OR REPLACE VIEW peer_answers_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    answered_count Int64 COMMENT 'conversations with their first answer of a peer in the day; only while the customer waited',
    before_staff_count Int64 COMMENT 'those of them in which no agent had spoken to the customer before',
    p50_seconds Nullable(Float64) COMMENT 'median wait for that answer, from the start of the waiting episode; quantiles are exact to 3.2 %',
    p90_seconds Nullable(Float64) COMMENT '90 % waited no longer',
    p95_seconds Nullable(Float64) COMMENT '95 % waited no longer',
    p99_seconds Nullable(Float64) COMMENT '99 % waited no longer'
) AS
SELECT day, tenant, queue, channel, visibility, arraySum(mapValues(histogram)) AS answered_count, before_staff_count,
    histogram_quantile_ms(histogram, 0.5) / 1000 AS p50_seconds,
    histogram_quantile_ms(histogram, 0.9) / 1000 AS p90_seconds,
    histogram_quantile_ms(histogram, 0.95) / 1000 AS p95_seconds,
    histogram_quantile_ms(histogram, 0.99) / 1000 AS p99_seconds
FROM (
    SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility, sum(peer_before_staff_count) AS before_staff_count,
        sumMap(first_peer_answer_histogram) AS histogram
    FROM panes
    WHERE tier = 'day' AND notEmpty(first_peer_answer_histogram)
    GROUP BY day, tenant, queue, channel, visibility
)
WHERE answered_count != 0;

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
SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility, sum(p.contact_count) AS contact_count,
    sum(known_contact_count) AS known_count, sum(p.repeat_within_day_count) AS repeat_within_day_count,
    sum(p.repeat_within_week_count) AS repeat_within_week_count, sum(p.hop_within_day_count) AS hop_within_day_count,
    sum(p.hop_within_week_count) AS hop_within_week_count
FROM panes AS p
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, visibility
HAVING contact_count != 0 OR known_count != 0;

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
SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, visibility, sum(case_began_count) AS case_count,
    queue_wait_count + transfer_count + repeat_count + hop_count AS burden_count,
    sum(p.queue_wait_count) AS queue_wait_count, sum(case_transfer_count) AS transfer_count,
    sum(repeat_within_week_count) AS repeat_count, sum(hop_within_week_count) AS hop_count
FROM panes AS p
WHERE tier = 'day'
GROUP BY day, tenant, queue, channel, visibility
HAVING case_count != 0 OR queue_wait_count != 0 OR transfer_count != 0 OR repeat_count != 0 OR hop_count != 0;

CREATE OR REPLACE VIEW escalations_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = 'day' AND kinds.2 != 0
GROUP BY day, tenant, queue, channel, kind
HAVING escalated_count != 0;

CREATE OR REPLACE VIEW peer_concentration_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    measure LowCardinality(String) COMMENT 'message: messages of peers; solution: accepted solutions of peers, less those taken back on that day',
    helper_count UInt64 COMMENT 'peers with at least one; the ratios are over what they did together',
    helped_count Int64 COMMENT 'messages or solutions of these peers',
    unknown_count Int64 COMMENT 'messages or solutions of peers that came without an actor; in none of the other columns',
    top_1_percent_ratio Float64 COMMENT 'share of the busiest hundredth of the helpers, at least one of them',
    top_5_percent_ratio Float64 COMMENT 'share of the busiest twentieth, at least one',
    top_10_percent_ratio Float64 COMMENT 'share of the busiest tenth, at least one',
    gini_ratio Float64 COMMENT 'Gini coefficient: 0 when all help alike, towards 1 the more it is one',
    herfindahl_ratio Float64 COMMENT 'sum of the squared shares: 1 when one does all, 1 / helper_count when all help alike'
) AS
SELECT day, tenant, measure, length(counts) AS helper_count, arraySum(counts) AS helped_count, unknown_count,
    arraySum(arraySlice(counts, 1, toUInt32(ceil(length(counts) * 0.01)))) / arraySum(counts) AS top_1_percent_ratio,
    arraySum(arraySlice(counts, 1, toUInt32(ceil(length(counts) * 0.05)))) / arraySum(counts) AS top_5_percent_ratio,
    arraySum(arraySlice(counts, 1, toUInt32(ceil(length(counts) * 0.1)))) / arraySum(counts) AS top_10_percent_ratio,
    -- The counts are in descending order: with ranks from the busiest, G = (n + 1 - 2 * sum(rank * count) / sum) / n with the sign turned.
    (2 * arraySum((count, rank) -> count * (helper_count + 1 - rank), counts, arrayEnumerate(counts)) / helped_count
        - helper_count - 1) / helper_count AS gini_ratio,
    arraySum(count -> pow(count / helped_count, 2), counts) AS herfindahl_ratio
FROM (
    SELECT day, tenant, measure, arrayReverseSort(groupArrayIf(helped, actor != '' AND helped > 0)) AS counts,
        sumIf(helped, actor = '') AS unknown_count
    FROM (
        SELECT d.day AS day, tenant, if(type = 'message.created', 'message', 'solution') AS measure, actor,
            sum(if(type = 'solution.unaccepted', -1, 1)) AS helped
        FROM (
            SELECT 1 AS one, toDateTime(occurred_at, 'UTC') AS at, tenant, type, actor
            FROM interactions FINAL
            WHERE actor_kind = 'peer' AND type IN ('message.created', 'solution.accepted', 'solution.unaccepted')
        ) AS i
        ASOF JOIN (SELECT 1 AS one, start, day FROM reporting_days) AS d ON i.one = d.one AND i.at >= d.start
        GROUP BY day, tenant, measure, actor
    )
    GROUP BY day, tenant, measure
)
WHERE notEmpty(counts)
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW sla_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    visibility LowCardinality(String) COMMENT 'private or public, empty when unknown',
    clock LowCardinality(String) COMMENT 'first_response, next_response or resolution',
    met_count Int64 COMMENT 'promises kept, dated by the reply',
    missed_count Int64 COMMENT 'promises not kept, dated by the minute in which they fell due; only minutes before the watermark and before now'
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
    -- What falls due in a minute that is not over yet is not missed.
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
    met_count Int64 COMMENT 'promises kept, dated by the reply',
    missed_count Int64 COMMENT 'promises not kept, dated by the minute in which they fell due; only minutes before the watermark and before now'
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
        -- What falls due later on the present day is not missed.
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
    ended_count Int64 COMMENT 'self-service sessions that ended in the day, of anybody',
    contained_count Int64 COMMENT 'those of them without a handoff or a word of an agent: over ended_count it is the containment',
    known_ended_count Int64 COMMENT 'sessions of known customers among ended_count: the coverage of what follows',
    verifiable_count Int64 COMMENT 'sessions of known customers whose end is 24 h ago in the day',
    verified_count Int64 COMMENT 'those of them that were contained, and the customer met no human in these 24 h'
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
        -- What is a day ago later on the present day is not verified.
        multiIf(tier = 'minute', -1, start < passed_until, 1, 0) AS sign,
        sign * session_verifiable_count AS verifiable, sign * session_verified_count AS verified
    FROM panes
    WHERE tier = 'day' OR (tier = 'minute' AND start >= passed_until AND (next_day IS NULL OR start < next_day))
)
GROUP BY day, tenant, queue, channel, visibility
HAVING ended_count != 0 OR contained_count != 0 OR known_ended_count != 0 OR verifiable_count != 0 OR verified_count != 0;

-- Dense over the last 14 days only: before them a minute has no row, and what had been open then stands in the first one.
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
    (SELECT latest FROM watermarks) AS latest,
    toStartOfMinute(toDateTime(latest - INTERVAL 14 DAY, 'UTC')) + 60 AS minutes_from,
    toStartOfMinute(toDateTime(latest, 'UTC')) AS last_minute
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
        SELECT placed.1 AS changed, tenant, queue, channel, visibility,
            sum(placed.2 * (opened_count + reopened_count)) AS arrived,
            sum(placed.2 * (resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count)) AS departed,
            sum(placed.2 * moved_in_count) AS moved_in, sum(placed.2 * moved_out_count) AS moved_out,
            -- What was open when the tier begins: all that days hold, less what the tier holds.
            sum(placed.3 * (opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count
                - merged_count - deleted_count - expiring_count)) AS base
        FROM (
            SELECT *, arrayJoin(if(tier = 'day', [(minutes_from, 0, 1)], [(start, 1, 0), (minutes_from, 0, -1)])) AS placed
            FROM (
                SELECT tier, start, tenant, queue, channel, visibility, sum(p.opened_count) AS opened_count,
                    sum(p.reopened_count) AS reopened_count, sum(p.moved_in_count) AS moved_in_count,
                    sum(p.moved_out_count) AS moved_out_count, sum(p.resolved_count) AS resolved_count,
                    sum(p.closed_count) AS closed_count, sum(p.abandoned_count) AS abandoned_count,
                    sum(p.merged_count) AS merged_count, sum(p.deleted_count) AS deleted_count,
                    sum(p.expiring_count) AS expiring_count
                FROM panes AS p
                WHERE tier = 'day' OR (tier = 'minute' AND start >= minutes_from)
                GROUP BY tier, start, tenant, queue, channel, visibility
            )
        )
        WHERE changed <= last_minute
        GROUP BY changed, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    )
);

-- Dense over the last 400 days only: before them a hour has no row, and what had been open then stands in the first one.
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
    (SELECT latest FROM watermarks) AS latest,
    toStartOfHour(toDateTime(latest - INTERVAL 400 DAY, 'UTC')) + 3600 AS hours_from,
    toStartOfHour(toDateTime(latest, 'UTC')) AS last_hour
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
        SELECT placed.1 AS changed, tenant, queue, channel, visibility,
            sum(placed.2 * (opened_count + reopened_count)) AS arrived,
            sum(placed.2 * (resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count)) AS departed,
            sum(placed.2 * moved_in_count) AS moved_in, sum(placed.2 * moved_out_count) AS moved_out,
            -- What was open when the tier begins: all that days hold, less what the tier holds.
            sum(placed.3 * (opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count
                - merged_count - deleted_count - expiring_count)) AS base
        FROM (
            SELECT *, arrayJoin(if(tier = 'day', [(hours_from, 0, 1)], [(start, 1, 0), (hours_from, 0, -1)])) AS placed
            FROM (
                SELECT tier, start, tenant, queue, channel, visibility, sum(p.opened_count) AS opened_count,
                    sum(p.reopened_count) AS reopened_count, sum(p.moved_in_count) AS moved_in_count,
                    sum(p.moved_out_count) AS moved_out_count, sum(p.resolved_count) AS resolved_count,
                    sum(p.closed_count) AS closed_count, sum(p.abandoned_count) AS abandoned_count,
                    sum(p.merged_count) AS merged_count, sum(p.deleted_count) AS deleted_count,
                    sum(p.expiring_count) AS expiring_count
                FROM panes AS p
                WHERE tier = 'day' OR (tier = 'hour' AND start >= hours_from)
                GROUP BY tier, start, tenant, queue, channel, visibility
            )
        )
        WHERE changed <= last_hour
        GROUP BY changed, tenant, queue, channel, visibility
        HAVING arrived != 0 OR departed != 0 OR moved_in != 0 OR moved_out != 0 OR base != 0
    )
);

-- Dense over the last 400 days; before them a cell has a row for each day on which it changed.
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

-- How long the open conversations have been open, at the latest watermark. What opened on the day within which the hours begin
-- is taken together: all that days hold from then on, less what hours and minutes hold.
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

CREATE OR REPLACE VIEW rolling_at (
    emitted_at DateTime('UTC') COMMENT 'the end of the window, the border of a minute; numbers hold for it',
    window_seconds UInt32 COMMENT 'length of the window: 300, 3600, 86400 or 604800',
    scope LowCardinality(String) COMMENT 'what the row sums up: all, tenant, queue, channel (of a tenant), or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit; empty when unknown, and in scope all',
    queue LowCardinality(String) COMMENT 'where the work lies; empty when unknown, and where the scope has no queue',
    channel LowCardinality(String) COMMENT 'empty when unknown, and where the scope has no channel',
    contact_count Int64 COMMENT 'inbound conversations opened in the window, a transfer chain once: the channel mix',
    contact_total_count Int64 COMMENT 'the same of the enclosing scope: of the queue for a cell, the tenant for queue and channel, all for a tenant',
    sync_contact_count Int64 COMMENT 'contacts on channels where both sides speak at once',
    public_contact_count Int64 COMMENT 'contacts that everybody can read',
    inbound_message_count Int64 COMMENT 'messages from customers in the window',
    open_count Int64 COMMENT 'conversations open at the end of the window',
    arrived_count Int64 COMMENT 'opened and reopened in the window',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the window',
    open_ms Int64 COMMENT 'area under the backlog over the window, ms: by the length of the window it is the average backlog',
    resolved_count Int64 COMMENT 'resolves in the window',
    reopened_count Int64 COMMENT 'reopenings in the window',
    transferred_count Int64 COMMENT 'transfers in the window',
    escalated_functional_count Int64 COMMENT 'escalations to another function in the window',
    escalated_hierarchical_count Int64 COMMENT 'escalations to a higher level in the window',
    escalated_handoff_count Int64 COMMENT 'handoffs from bot to human in the window',
    escalated_regulatory_count Int64 COMMENT 'escalations to a regulator or ombudsman in the window',
    escalated_exposure_count Int64 COMMENT 'private to public by the same customer within 72 hours, in the window',
    sla_met_count Int64 COMMENT 'promises of all kinds kept in the window',
    sla_missed_count Int64 COMMENT 'promises of all kinds that fell due in the window, before the watermark and before now, and were not kept',
    first_response_histogram Map(UInt32, Int64) COMMENT 'first response times that ended in the window, by bucket',
    resolution_histogram Map(UInt32, Int64) COMMENT 'last resolve - first opening of what was resolved in the window, by bucket',
    drift Nullable(Float64) COMMENT 'Jensen-Shannon distance (base 2: 0 the same, 1 nothing in common) of the channel mix from that of the same hours in the four weeks before; scopes all, tenant and queue'
) AS
WITH
    toDateTime({at:DateTime('UTC')}, 'UTC') AS ends_at,
    toStartOfHour(ends_at) AS last_hour,
    [300, 3600, 86400, 604800] AS windows,
    (SELECT max(start) FROM reporting_days WHERE start <= toDateTime({at:DateTime('UTC')}, 'UTC')) AS day_began_at,
    toDateTime(ceil(toUnixTimestamp(day_began_at) / 3600) * 3600, 'UTC') AS hours_begin_at,
    (SELECT minute FROM horizon) AS passed_until,
    -- Days up to `day_began_at` are continued by hours. Where it lies within an hour whose minutes may be incomplete, the
    -- hours from the end on are taken from the sum of all days instead.
    hours_begin_at = day_began_at OR day_began_at > (SELECT latest - INTERVAL 14 DAY FROM watermarks) AS is_continued,
    flows AS (
        SELECT
            arrayJoin(arrayFilter(
                seconds -> start >= ends_at - seconds
                    AND (tier = 'hour') = (start < last_hour AND toStartOfHour(start) >= ends_at - seconds), windows
            )) AS window_seconds,
            tenant, queue, channel,
            sum(contact_count) AS contacts,
            sumIf(contact_count, mode = 'sync') AS sync_contacts,
            sumIf(contact_count, visibility = 'public') AS public_contacts,
            sum(inbound_message_count) AS messages,
            sum(opened_count + reopened_count) AS arrived,
            sum(resolved_count + closed_count + abandoned_count + merged_count + deleted_count + expiring_count) AS departed,
            sum(moved_in_count - moved_out_count) AS moved,
            sum(open_ms + (opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count - closed_count
                - abandoned_count - merged_count - deleted_count - expiring_count)
                * (toUnixTimestamp(ends_at) - toUnixTimestamp(start) - if(tier = 'hour', 3600, 60)) * 1000) AS area_ms,
            sum(resolved_count) AS resolved, sum(reopened_count) AS reopened, sum(p.transferred_count) AS transferred,
            sum(escalated_functional_count) AS functional, sum(escalated_hierarchical_count) AS hierarchical,
            sum(escalated_handoff_count) AS handoff, sum(escalated_regulatory_count) AS regulatory,
            sum(escalated_exposure_count) AS exposure,
            sum(sla_met_first_response_count + sla_met_next_response_count + sla_met_resolution_count) AS met,
            sum(sla_due_first_response_count + sla_due_next_response_count + sla_due_resolution_count) AS missed,
            sumMap(first_response_histogram) AS first_responses, sumMap(resolution_histogram) AS resolutions
        FROM panes AS p
        WHERE start >= ends_at - 604800 AND start < ends_at AND (tier = 'hour' OR (tier = 'minute' AND (
            start >= ends_at - 7200 OR start < ends_at - 601200 OR (start >= ends_at - 86400 AND start < ends_at - 82800))))
        GROUP BY window_seconds, tenant, queue, channel
    ),
    backlog AS (
        SELECT tenant, queue, channel, sum(if(tier = 'hour' AND NOT is_continued, -1, 1) * (opened_count + reopened_count
            + moved_in_count - moved_out_count - resolved_count - closed_count - abandoned_count - merged_count - deleted_count
            - expiring_count)) AS open
        FROM panes
        WHERE (tier = 'day' AND (start < day_began_at OR NOT is_continued))
            OR (tier = 'hour' AND is_continued AND start >= hours_begin_at AND start < last_hour)
            OR (tier = 'hour' AND NOT is_continued AND start >= last_hour)
            OR (tier = 'minute' AND start < ends_at AND is_continued AND start >= day_began_at
                AND NOT (start >= hours_begin_at AND start < last_hour))
            OR (tier = 'minute' AND start < ends_at AND NOT is_continued AND start >= last_hour)
        GROUP BY tenant, queue, channel
    ),
    -- What does not fall due before the watermark and before now is not missed.
    pending AS (
        SELECT arrayJoin(arrayFilter(seconds -> start >= ends_at - seconds, windows)) AS window_seconds, tenant, queue, channel,
            sum(sla_due_first_response_count + sla_due_next_response_count + sla_due_resolution_count) AS due
        FROM panes
        WHERE tier = 'minute' AND start >= passed_until AND start < ends_at
        GROUP BY window_seconds, tenant, queue, channel
        HAVING due != 0
    ),
    -- Contacts of the same hours in the four weeks before.
    earlier AS (
        SELECT arrayJoin(arrayFilter(
                seconds -> arrayExists(weeks -> start + weeks * 604800 >= toStartOfHour(ends_at - seconds)
                    AND start + weeks * 604800 < ends_at, [1, 2, 3, 4]), windows
            )) AS window_seconds, tenant, queue, channel, sum(contact_count) AS contacts
        FROM panes
        WHERE tier = 'hour' AND contact_count != 0 AND start >= toStartOfHour(ends_at) - 5 * 604800 AND start < ends_at - 604800
        GROUP BY window_seconds, tenant, queue, channel
    ),
    drifts AS (
        SELECT window_seconds, scope, tenant, queue,
            toNullable(jensen_shannon_distance(
                groupArray(toFloat64(contacts)), groupArray(toFloat64(contacts_before))
            )) AS drift
        FROM (
            SELECT window_seconds, multiIf(grouping(queue) = 0, 'queue', grouping(tenant) = 0, 'tenant', 'all') AS scope,
                tenant, queue, channel, sum(m.contacts) AS contacts, sum(m.contacts_before) AS contacts_before
            FROM (
                SELECT window_seconds, tenant, queue, channel, contacts, 0 AS contacts_before FROM flows
                UNION ALL
                SELECT window_seconds, tenant, queue, channel, 0, contacts FROM earlier
            ) AS m
            GROUP BY GROUPING SETS (
                (window_seconds, tenant, queue, channel), (window_seconds, tenant, channel), (window_seconds, channel)
            )
        )
        GROUP BY window_seconds, scope, tenant, queue
        HAVING sum(contacts) > 0 AND sum(contacts_before) > 0
    ),
    everything AS (
        SELECT window_seconds, tenant, queue, channel, contacts, sync_contacts, public_contacts, messages, arrived, departed,
            arrived - departed + moved AS gained, area_ms, resolved, reopened, transferred, functional, hierarchical, handoff,
            regulatory, exposure, met, missed, first_responses, resolutions, toInt64(0) AS open
        FROM flows
        UNION ALL
        SELECT arrayJoin(windows), tenant, queue, channel, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, map(), map(), open
        FROM backlog
        WHERE open != 0
        UNION ALL
        SELECT window_seconds, tenant, queue, channel, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -due, map(), map(), 0
        FROM pending
    )
SELECT
    ends_at AS emitted_at, toUInt32(r.window_seconds) AS window_seconds, r.scope AS scope, r.tenant AS tenant,
    r.queue AS queue, r.channel AS channel, contact_count,
    toInt64(multiIf(
        scope = 'cell', sumIf(contact_count, scope = 'queue') OVER (PARTITION BY r.window_seconds, tenant, queue),
        scope IN ('queue', 'channel'), sumIf(contact_count, scope = 'tenant') OVER (PARTITION BY r.window_seconds, tenant),
        sumIf(contact_count, scope = 'all') OVER (PARTITION BY r.window_seconds)
    )) AS contact_total_count,
    * EXCEPT (window_seconds, scope, tenant, queue, channel, contact_count, drift, `d.window_seconds`, `d.scope`, `d.tenant`, `d.queue`),
    drift
FROM (
    SELECT
        window_seconds,
        multiIf(grouping(channel) = 0 AND grouping(queue) = 0, 'cell', grouping(queue) = 0, 'queue', grouping(channel) = 0,
            'channel', grouping(tenant) = 0, 'tenant', 'all') AS scope,
        tenant, queue, channel,
        sum(e.contacts) AS contact_count, sum(e.sync_contacts) AS sync_contact_count,
        sum(e.public_contacts) AS public_contact_count, sum(e.messages) AS inbound_message_count,
        toInt64(sum(e.open)) AS open_count, toInt64(sum(e.arrived)) AS arrived_count, toInt64(sum(e.departed)) AS departed_count,
        toInt64(sum((e.open - e.gained) * window_seconds * 1000 + e.area_ms)) AS open_ms,
        sum(e.resolved) AS resolved_count, sum(e.reopened) AS reopened_count, sum(e.transferred) AS transferred_count,
        sum(e.functional) AS escalated_functional_count, sum(e.hierarchical) AS escalated_hierarchical_count,
        sum(e.handoff) AS escalated_handoff_count, sum(e.regulatory) AS escalated_regulatory_count,
        sum(e.exposure) AS escalated_exposure_count,
        sum(e.met) AS sla_met_count, sum(e.missed) AS sla_missed_count,
        sumMap(e.first_responses) AS first_response_histogram, sumMap(e.resolutions) AS resolution_histogram
FROM everything AS e
GROUP BY GROUPING SETS (
    (window_seconds, tenant, queue, channel), (window_seconds, tenant, queue), (window_seconds, tenant, channel),
    (window_seconds, tenant), (window_seconds)
)
) AS r
LEFT JOIN drifts AS d ON d.window_seconds = r.window_seconds AND d.scope = r.scope AND d.tenant = r.tenant AND d.queue = r.queue;

CREATE OR REPLACE VIEW standing_at (
    emitted_at DateTime('UTC') COMMENT 'the end of the window, the border of a minute; numbers hold for it',
    scope LowCardinality(String) COMMENT 'what the row sums up: all, tenant, queue, channel (of a tenant), or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit; empty when unknown, and in scope all',
    queue LowCardinality(String) COMMENT 'where the work lies; empty when unknown, and where the scope has no queue',
    channel LowCardinality(String) COMMENT 'empty when unknown, and where the scope has no channel',
    open_below_1h_count Int64 COMMENT 'open conversations by time since the last (re)opening: less than an hour',
    open_1h_to_4h_count Int64 COMMENT '1 to 4 hours',
    open_4h_to_24h_count Int64 COMMENT '4 to 24 hours',
    open_1d_to_7d_count Int64 COMMENT '1 to 7 days',
    open_7d_to_30d_count Int64 COMMENT '7 to 30 days',
    open_30d_to_90d_count Int64 COMMENT '30 to 90 days',
    open_over_90d_count Int64 COMMENT '90 days and more',
    oldest_since Nullable(DateTime('UTC')) COMMENT 'interval (minute; hour or day where it is weeks ago) in which the oldest of them opened; NULL where none is open',
    waiting_agent_count Int64 COMMENT 'open conversations that wait on an agent',
    waiting_customer_count Int64 COMMENT 'open conversations that wait on the customer',
    waiting_third_party_count Int64 COMMENT 'open conversations that wait on a third party',
    sla_due_15m_count Int64 COMMENT 'open promises that fall due in the next 15 minutes',
    sla_due_60m_count Int64 COMMENT 'open promises that fall due in the next 60 minutes'
) AS
WITH
    toDateTime({at:DateTime('UTC')}, 'UTC') AS ends_at,
    (SELECT any(latest) FROM watermarks) AS latest,
    toStartOfHour(toDateTime(latest - INTERVAL 14 DAY, 'UTC')) + 3600 AS minutes_from,
    toStartOfHour(toDateTime(latest - INTERVAL 400 DAY, 'UTC')) + 3600 AS hours_from,
    (SELECT max(start) FROM reporting_days WHERE start <= hours_from) AS first_day
SELECT
    ends_at AS emitted_at,
    multiIf(grouping(channel) = 0 AND grouping(queue) = 0, 'cell', grouping(queue) = 0, 'queue', grouping(channel) = 0,
        'channel', grouping(tenant) = 0, 'tenant', 'all') AS scope,
    tenant, queue, channel,
    sumIf(open, age < 3600) AS open_below_1h_count, sumIf(open, age >= 3600 AND age < 14400) AS open_1h_to_4h_count,
    sumIf(open, age >= 14400 AND age < 86400) AS open_4h_to_24h_count,
    sumIf(open, age >= 86400 AND age < 604800) AS open_1d_to_7d_count,
    sumIf(open, age >= 604800 AND age < 2592000) AS open_7d_to_30d_count,
    sumIf(open, age >= 2592000 AND age < 7776000) AS open_30d_to_90d_count,
    sumIf(open, age >= 7776000) AS open_over_90d_count,
    minIf(toNullable(start), open != 0) AS oldest_since,
    sum(agent) AS waiting_agent_count, sum(customer) AS waiting_customer_count, sum(third_party) AS waiting_third_party_count,
    sumIf(due, start < ends_at + 900) AS sla_due_15m_count, sum(due) AS sla_due_60m_count
FROM (
    SELECT tenant, queue, channel, placed.1 AS start, toUnixTimestamp(ends_at) - toUnixTimestamp(start) AS age,
        if(start < ends_at, sum(placed.2 * open_here), 0) AS open,
        if(start < ends_at, sum(placed.2 * agent_here), 0) AS agent,
        if(start < ends_at, sum(placed.2 * customer_here), 0) AS customer,
        if(start < ends_at, sum(placed.2 * third_party_here), 0) AS third_party,
        if(start >= ends_at AND start < ends_at + 3600, sum(due_here), 0) AS due
    FROM (
        SELECT tenant, queue, channel,
            -- What began on the day within which the hours begin is what days hold from then on, less what hours and minutes hold.
            arrayJoin(if(tier = 'day', [(least(start, first_day), 1)], [(start, 1), (first_day, -1)])) AS placed,
            unexpired(open_since_by_expiry, ends_at) AS open_here, unexpired(waiting_agent_by_expiry, ends_at) AS agent_here,
            unexpired(waiting_customer_by_expiry, ends_at) AS customer_here,
            unexpired(waiting_third_party_by_expiry, ends_at) AS third_party_here,
            if(tier = 'minute', sla_due_first_response_count + sla_due_next_response_count + sla_due_resolution_count, 0) AS due_here
        FROM panes
        WHERE start < greatest(ends_at + 3600, toDateTime(latest, 'UTC') + 60) AND (
            tier = 'day' OR (tier = 'minute' AND start >= minutes_from)
            OR (tier = 'hour' AND start >= hours_from AND start < minutes_from)
        )
    )
    GROUP BY tenant, queue, channel, start
    HAVING open != 0 OR agent != 0 OR customer != 0 OR third_party != 0 OR due != 0
)
GROUP BY GROUPING SETS ((tenant, queue, channel), (tenant, queue), (tenant, channel), (tenant), ());

-- As before: the tier that suits a span, and its intervals from the one on that holds `from`. Of days, that one is the last whose
-- start is not after `from`, if `from` lies on its date.
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
    -- Up to which day the base is read from days, and how it is continued: as in `rolling_at`.
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

-- What has come to pass in a span, by the same intervals: the present hour and day without what they hold of the future.
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
    sla_met_first_response_count Int64 COMMENT 'promises kept, dated by the reply',
    sla_met_next_response_count Int64 COMMENT 'promises kept, dated by the reply',
    sla_met_resolution_count Int64 COMMENT 'promises kept, dated by the resolve',
    sla_missed_first_response_count Int64 COMMENT 'promises not kept that fell due in a minute before the watermark and before now',
    sla_missed_next_response_count Int64 COMMENT 'as above',
    sla_missed_resolution_count Int64 COMMENT 'as above',
    session_ended_count Int64 COMMENT 'self-service sessions that ended, of anybody',
    session_contained_count Int64 COMMENT 'those of them without a human',
    session_verifiable_count Int64 COMMENT 'self-service sessions of known customers whose end is 24 h ago',
    session_verified_count Int64 COMMENT 'those of them that were contained, and the customer met no human in these 24 h'
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
        -- An expiry comes at its full hour, at once: the minute of the watermark is in.
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
