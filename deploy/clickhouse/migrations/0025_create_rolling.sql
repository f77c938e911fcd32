-- 0025: rolling windows of 5 minutes, 1 hour, 24 hours and 7 days that end at the border of any minute.
--
-- `rolling_at(at)` computes them from the panes, corrected by whatever came late, and `standing_at(at)` what stands open.
-- `rolling` keeps both as they were observed when a minute had just passed, a row per window and scope; `rolling_rates`
-- shows it as ratios. The definitions are said once: the rows of `rolling` are those of the two views at that moment.
--
-- Of a window, full hours are read from the hour tier and the rest at both ends from the minutes. Hours are exact for 400
-- days and minutes for 14, so an instant that is older should be a full hour. Ages, who waits and what falls due are
-- stocks: panes know them for now only, the past has them in `rolling`.

-- Distance of two distributions given as arrays of weights: the root of their Jensen-Shannon divergence in bits.
-- Source: Lin, Divergence measures based on the Shannon entropy (1991).
CREATE OR REPLACE FUNCTION jensen_shannon_distance AS (one, other) ->
    sqrt(greatest(0, arraySum(
        (p, q) -> if(p = 0, 0, p * log2(2 * p / (p + q))) / 2 + if(q = 0, 0, q * log2(2 * q / (p + q))) / 2,
        arrayMap(x -> x / arraySum(one), one), arrayMap(x -> x / arraySum(other), other)
    )));

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
    sla_missed_count Int64 COMMENT 'promises of all kinds that fell due in the window and were not kept',
    first_response_histogram Map(UInt32, Int64) COMMENT 'first response times that ended in the window, by bucket',
    resolution_histogram Map(UInt32, Int64) COMMENT 'last resolve - first opening of what was resolved in the window, by bucket',
    drift Nullable(Float64) COMMENT 'Jensen-Shannon distance (base 2: 0 the same, 1 nothing in common) of the channel mix from that of the same hours in the four weeks before; scopes all, tenant and queue'
) AS
WITH
    toDateTime({at:DateTime('UTC')}, 'UTC') AS ends_at,
    toStartOfHour(ends_at) AS last_hour,
    [300, 3600, 86400, 604800] AS windows,
    (SELECT any(reporting_zone) FROM watermarks) AS zone,
    toDateTime(toStartOfDay(toTimezone(ends_at, zone)), 'UTC') AS day_began_at,
    toDateTime(ceil(toUnixTimestamp(day_began_at) / 3600) * 3600, 'UTC') AS hours_begin_at,
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
        SELECT tenant, queue, channel, sum(opened_count + reopened_count + moved_in_count - moved_out_count - resolved_count
            - closed_count - abandoned_count - merged_count - deleted_count - expiring_count) AS open
        FROM panes
        WHERE start < ends_at AND ((tier = 'day' AND start < day_began_at)
            OR (tier = 'hour' AND start >= hours_begin_at AND start < last_hour)
            OR (tier = 'minute' AND start >= day_began_at AND NOT (start >= hours_begin_at AND start < last_hour)))
        GROUP BY tenant, queue, channel
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
    (SELECT any(reporting_zone) FROM watermarks) AS zone,
    (SELECT any(latest) FROM watermarks) AS latest,
    toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 14 DAY, zone)) + INTERVAL 1 DAY, 'UTC') AS minutes_from,
    toDateTime(toStartOfDay(toTimezone(latest - INTERVAL 400 DAY, zone)) + INTERVAL 1 DAY, 'UTC') AS hours_from
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
    SELECT tenant, queue, channel, start, toUnixTimestamp(ends_at) - toUnixTimestamp(start) AS age,
        if(start < ends_at, sum(unexpired(open_since_by_expiry, ends_at)), 0) AS open,
        if(start < ends_at, sum(unexpired(waiting_agent_by_expiry, ends_at)), 0) AS agent,
        if(start < ends_at, sum(unexpired(waiting_customer_by_expiry, ends_at)), 0) AS customer,
        if(start < ends_at, sum(unexpired(waiting_third_party_by_expiry, ends_at)), 0) AS third_party,
        if(start >= ends_at, sum(sla_due_first_response_count + sla_due_next_response_count + sla_due_resolution_count), 0) AS due
    FROM panes
    WHERE start < ends_at + 3600 AND (
        (tier = 'minute' AND start >= minutes_from)
        OR (tier = 'hour' AND start >= hours_from AND start < minutes_from)
        OR (tier = 'day' AND start < hours_from)
    )
    GROUP BY tenant, queue, channel, start
    HAVING open != 0 OR agent != 0 OR customer != 0 OR third_party != 0 OR due != 0
)
GROUP BY GROUPING SETS ((tenant, queue, channel), (tenant, queue), (tenant, channel), (tenant), ());

CREATE TABLE IF NOT EXISTS rolling (
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
    sla_missed_count Int64 COMMENT 'promises of all kinds that fell due in the window and were not kept',
    first_response_histogram Map(UInt32, Int64) COMMENT 'first response times that ended in the window, by bucket',
    resolution_histogram Map(UInt32, Int64) COMMENT 'last resolve - first opening of what was resolved in the window, by bucket',
    drift Nullable(Float64) COMMENT 'Jensen-Shannon distance (base 2: 0 the same, 1 nothing in common) of the channel mix from that of the same hours in the four weeks before; scopes all, tenant and queue',
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
    sla_due_60m_count Int64 COMMENT 'open promises that fall due in the next 60 minutes',
    observed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'when this was observed; of two, the later counts'
)
ENGINE = ReplacingMergeTree(observed_at)
PARTITION BY toYYYYMM(emitted_at)
-- One asks for an instant, or a stretch of time, of all rows of a scope.
ORDER BY (window_seconds, scope, emitted_at, tenant, queue, channel)
TTL toDateTime(observed_at) + INTERVAL 400 DAY;

CREATE OR REPLACE VIEW rolling_rates (
    emitted_at DateTime('UTC') COMMENT 'the end of the window; numbers hold for it',
    window_seconds UInt32 COMMENT 'length of the window',
    scope LowCardinality(String) COMMENT 'what the row sums up: all, tenant, queue, channel or cell',
    tenant LowCardinality(String) COMMENT 'brand or business unit',
    queue LowCardinality(String) COMMENT 'where the work lies',
    channel LowCardinality(String) COMMENT 'channel',
    contact_share_ratio Nullable(Float64) COMMENT 'contacts by those of the enclosing scope: the channel mix',
    sync_ratio Nullable(Float64) COMMENT 'contacts on synchronous channels by all contacts',
    public_ratio Nullable(Float64) COMMENT 'public contacts by all contacts',
    average_open_count Float64 COMMENT 'backlog, average over the window',
    clearance_ratio Nullable(Float64) COMMENT 'departures by arrivals',
    time_to_clear_seconds Nullable(Float64) COMMENT 'backlog by net clearance; NULL while no more depart than arrive',
    oldest_age_seconds Nullable(Int64) COMMENT 'how long the oldest conversation has been open',
    functional_per_1000_open Nullable(Float64) COMMENT 'escalations of this kind per 1,000 conversations open on average',
    hierarchical_per_1000_open Nullable(Float64) COMMENT 'the same',
    handoff_per_1000_open Nullable(Float64) COMMENT 'the same',
    regulatory_per_1000_open Nullable(Float64) COMMENT 'the same',
    exposure_per_1000_open Nullable(Float64) COMMENT 'the same',
    reopened_ratio Nullable(Float64) COMMENT 'reopenings by resolves',
    transferred_ratio Nullable(Float64) COMMENT 'transfers by arrivals',
    sla_met_ratio Nullable(Float64) COMMENT 'promises kept by promises kept and missed',
    first_response_p50_seconds Nullable(Float64) COMMENT 'median first response time; quantiles are exact to 3.2 %',
    first_response_p90_seconds Nullable(Float64) COMMENT '90 % took no longer',
    first_response_p95_seconds Nullable(Float64) COMMENT '95 % took no longer',
    first_response_p99_seconds Nullable(Float64) COMMENT '99 % took no longer',
    resolution_p50_seconds Nullable(Float64) COMMENT 'median time to the last resolve',
    resolution_p90_seconds Nullable(Float64) COMMENT '90 % took no longer',
    resolution_p95_seconds Nullable(Float64) COMMENT '95 % took no longer',
    resolution_p99_seconds Nullable(Float64) COMMENT '99 % took no longer'
) AS
SELECT
    emitted_at,
    window_seconds,
    scope,
    tenant,
    queue,
    channel,
    contact_count / nullIf(contact_total_count, 0) AS contact_share_ratio,
    sync_contact_count / nullIf(contact_count, 0) AS sync_ratio,
    public_contact_count / nullIf(contact_count, 0) AS public_ratio,
    open_ms / (window_seconds * 1000) AS average_open_count,
    departed_count / nullIf(arrived_count, 0) AS clearance_ratio,
    if(departed_count > arrived_count, open_count * window_seconds / (departed_count - arrived_count), NULL) AS time_to_clear_seconds,
    dateDiff('second', oldest_since, emitted_at) AS oldest_age_seconds,
    1000 * escalated_functional_count / nullIf(average_open_count, 0) AS functional_per_1000_open,
    1000 * escalated_hierarchical_count / nullIf(average_open_count, 0) AS hierarchical_per_1000_open,
    1000 * escalated_handoff_count / nullIf(average_open_count, 0) AS handoff_per_1000_open,
    1000 * escalated_regulatory_count / nullIf(average_open_count, 0) AS regulatory_per_1000_open,
    1000 * escalated_exposure_count / nullIf(average_open_count, 0) AS exposure_per_1000_open,
    reopened_count / nullIf(resolved_count, 0) AS reopened_ratio,
    transferred_count / nullIf(arrived_count, 0) AS transferred_ratio,
    sla_met_count / nullIf(sla_met_count + sla_missed_count, 0) AS sla_met_ratio,
    histogram_quantile_ms(first_response_histogram, 0.5) / 1000 AS first_response_p50_seconds,
    histogram_quantile_ms(first_response_histogram, 0.9) / 1000 AS first_response_p90_seconds,
    histogram_quantile_ms(first_response_histogram, 0.95) / 1000 AS first_response_p95_seconds,
    histogram_quantile_ms(first_response_histogram, 0.99) / 1000 AS first_response_p99_seconds,
    histogram_quantile_ms(resolution_histogram, 0.5) / 1000 AS resolution_p50_seconds,
    histogram_quantile_ms(resolution_histogram, 0.9) / 1000 AS resolution_p90_seconds,
    histogram_quantile_ms(resolution_histogram, 0.95) / 1000 AS resolution_p95_seconds,
    histogram_quantile_ms(resolution_histogram, 0.99) / 1000 AS resolution_p99_seconds
FROM rolling FINAL;
