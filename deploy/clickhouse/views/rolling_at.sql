-- Rolling windows of 5 minutes, 1 hour, 24 hours and 7 days that end at any full minute: `rolling_at(at)` computes them from
-- the panes, corrected by late events, and `standing_at(at)` what is open.
--
-- The full hours of a window are read from the hour tier, the rest at both ends from the minutes. Hours are exact for 400
-- days and minutes for 14, so an older instant should be a full hour. Ages, who waits and what falls due are stocks: panes
-- have them for the present only, `rolling` for the past.
--
-- needs: functions, ledger_rows, watermarks, reporting_days

CREATE OR REPLACE VIEW rolling_at (
    emitted_at DateTime('UTC') COMMENT 'end of the window, a full minute; the numbers hold for it',
    window_seconds UInt32 COMMENT 'length of the window: 300, 3600, 86400 or 604800',
    scope LowCardinality(String) COMMENT 'what the row aggregates: all, tenant, queue, channel (of a tenant), or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit; empty when unknown, and in scope all',
    queue LowCardinality(String) COMMENT 'where the work lies; empty when unknown, and if the scope has no queue',
    channel LowCardinality(String) COMMENT 'empty when unknown, and if the scope has no channel',
    contact_count Int64 COMMENT 'inbound conversations opened in the window, the channel mix; a transfer chain counts once',
    contact_total_count Int64 COMMENT 'the same for the enclosing scope: the queue of a cell, the tenant of a queue or channel, all for a tenant',
    sync_contact_count Int64 COMMENT 'contacts on synchronous channels',
    public_contact_count Int64 COMMENT 'contacts that anyone can read',
    inbound_message_count Int64 COMMENT 'messages from customers in the window',
    open_count Int64 COMMENT 'conversations open at the end of the window',
    arrived_count Int64 COMMENT 'opened and reopened in the window',
    departed_count Int64 COMMENT 'resolved, closed, abandoned, merged, deleted or expired in the window',
    open_ms Int64 COMMENT 'area under the backlog over the window, ms; divided by the length of the window it is the average backlog',
    resolved_count Int64 COMMENT 'resolves in the window',
    reopened_count Int64 COMMENT 'reopenings in the window',
    transferred_count Int64 COMMENT 'transfers in the window',
    escalated_functional_count Int64 COMMENT 'escalations to another function in the window',
    escalated_hierarchical_count Int64 COMMENT 'escalations to a higher level in the window',
    escalated_handoff_count Int64 COMMENT 'handoffs from bot to human in the window',
    escalated_regulatory_count Int64 COMMENT 'escalations to a regulator or ombudsman in the window',
    escalated_exposure_count Int64 COMMENT 'private to public by the same customer within 72 hours, in the window',
    sla_met_count Int64 COMMENT 'SLA targets of all kinds met in the window',
    sla_missed_count Int64 COMMENT 'SLA targets of all kinds that fell due in the window, before the watermark and before now, and were not met',
    first_response_histogram Map(UInt32, Int64) COMMENT 'first response times that ended in the window, by bucket',
    resolution_histogram Map(UInt32, Int64) COMMENT 'resolution times (last resolve - first opening) that ended in the window, by bucket',
    drift Nullable(Float64) COMMENT 'Jensen-Shannon distance (base 2: 0 identical, 1 disjoint) between the channel mix and that of the same hours, in the reporting zone, of the four weeks before; scopes all, tenant and queue'
) AS
WITH
    toDateTime({at:DateTime('UTC')}, 'UTC') AS ends_at,
    toStartOfHour(ends_at) AS last_hour,
    [300, 3600, 86400, 604800] AS windows,
    (SELECT max(start) FROM reporting_days WHERE start <= toDateTime({at:DateTime('UTC')}, 'UTC')) AS day_began_at,
    toDateTime(ceil(toUnixTimestamp(day_began_at) / 3600) * 3600, 'UTC') AS hours_begin_at,
    (SELECT minute FROM horizon) AS passed_until,
    (SELECT if(any(reporting_zone) = '', 'UTC', any(reporting_zone)) FROM watermarks) AS zone,
    -- Days up to `day_began_at` are continued by hours. If that is within an hour whose minutes may be incomplete, the
    -- hours from the end on are subtracted from the sum of all days instead.
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
    -- Whatever does not fall due before the watermark and before now is not missed.
    pending AS (
        SELECT arrayJoin(arrayFilter(seconds -> start >= ends_at - seconds, windows)) AS window_seconds, tenant, queue, channel,
            sum(sla_due_first_response_count + sla_due_next_response_count + sla_due_resolution_count) AS due
        FROM panes
        WHERE tier = 'minute' AND start >= passed_until AND start < ends_at
        GROUP BY window_seconds, tenant, queue, channel
        HAVING due != 0
    ),
    -- Contacts of the same hours of local time in the four weeks before.
    earlier AS (
        SELECT arrayJoin(arrayFilter(
                seconds -> arrayExists(weeks -> weeks_later(start, weeks, zone) >= toStartOfHour(ends_at - seconds)
                    AND weeks_later(start, weeks, zone) < ends_at, [1, 2, 3, 4]), windows
            )) AS window_seconds, tenant, queue, channel, sum(contact_count) AS contacts
        FROM panes
        WHERE tier = 'hour' AND contact_count != 0 AND start >= toStartOfHour(ends_at) - 5 * 604800 - 7200
            AND start < ends_at - 604800 + 7200
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
    emitted_at DateTime('UTC') COMMENT 'end of the window, a full minute; the numbers hold for it',
    scope LowCardinality(String) COMMENT 'what the row aggregates: all, tenant, queue, channel (of a tenant), or cell (queue and channel)',
    tenant LowCardinality(String) COMMENT 'brand or business unit; empty when unknown, and in scope all',
    queue LowCardinality(String) COMMENT 'where the work lies; empty when unknown, and if the scope has no queue',
    channel LowCardinality(String) COMMENT 'empty when unknown, and if the scope has no channel',
    open_below_1h_count Int64 COMMENT 'open conversations by time since the last (re)opening: less than an hour',
    open_1h_to_4h_count Int64 COMMENT '1 to 4 hours',
    open_4h_to_24h_count Int64 COMMENT '4 to 24 hours',
    open_1d_to_7d_count Int64 COMMENT '1 to 7 days',
    open_7d_to_30d_count Int64 COMMENT '7 to 30 days',
    open_30d_to_90d_count Int64 COMMENT '30 to 90 days',
    open_over_90d_count Int64 COMMENT '90 days and more',
    oldest_since Nullable(DateTime('UTC')) COMMENT 'interval in which the oldest of them opened (minute; hour or day if that was weeks ago); NULL if none is open',
    waiting_agent_count Int64 COMMENT 'open conversations that wait on an agent',
    waiting_customer_count Int64 COMMENT 'open conversations that wait on the customer',
    waiting_third_party_count Int64 COMMENT 'open conversations that wait on a third party',
    sla_due_15m_count Int64 COMMENT 'open SLA targets that fall due in the next 15 minutes',
    sla_due_60m_count Int64 COMMENT 'open SLA targets that fall due in the next 60 minutes'
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
            -- The day in which the hour tier begins: the sum of the days from then on less that of hours and minutes.
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
