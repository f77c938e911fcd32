"""A year of panes of a service organisation with a million conversations a day, written by the engine itself.

Two tenants, eight queues and ten channels make 160 series on one Kafka partition. Days and hours go back a year,
minutes 15 days, rolling windows 7 days. All counts are hashes of their position, so every run has the same.
"""

from pipeline.clickhouse.client import ClickHouse

CONVERSATIONS_PER_DAY = 1_000_000
SERIES = 160
DAYS, MINUTE_DAYS, ROLLING_DAYS = 365, 15, 7
ROWS_PER_INSERT = 200_000
LOG = "year"
CHANNELS = ("phone", "email", "web_chat", "in_app", "whatsapp", "social", "community", "self_service", "sms", "letter")

_PLACE = """
    concat('tenant_', toString(series % 2)) AS tenant,
    concat('queue_', toString(intDiv(series, 2) % 8)) AS queue,
    {channels}[intDiv(series, 16) + 1] AS channel,
    if(channel IN ('social', 'community'), 'public', 'private') AS visibility
"""
_COUNTS = """
    toInt64(floor(mean) + (cityHash64(series, start, 1) % 1000 < 1000 * (mean - floor(mean)))) AS opened_count,
    toInt64(opened_count * 0.9) AS resolved_count,
    opened_count - resolved_count - (cityHash64(series, start, 3) % 50 = 0) AS closed_count,
    opened_count AS contact_count,
    opened_count * 3 AS inbound_message_count,
    toInt64(cityHash64(series, start, 2) % 100 = 0) AS escalated_functional_count,
    toInt64(cityHash64(series, start, 4) % 40 = 0) AS escalated_handoff_count,
    opened_count AS sla_met_first_response_count,
    toInt64(cityHash64(series, start, 5) % 20 = 0) AS sla_due_first_response_count,
    opened_count * 30000 AS open_ms,
    map(toUInt32(200 + cityHash64(series, start, 6) % 60), opened_count) AS first_response_histogram,
    map(toUInt32(300 + cityHash64(series, start, 7) % 90), resolved_count) AS resolution_histogram
"""
_PANES = """
INSERT INTO ledger (log, kafka_partition, revision, kind, epoch, tier, start, tenant, queue, channel, visibility,
    opened_count, resolved_count, closed_count, contact_count, inbound_message_count, escalated_functional_count,
    escalated_handoff_count, sla_met_first_response_count, sla_due_first_response_count, open_ms,
    first_response_histogram, resolution_histogram)
WITH {mean} AS mean, number % {series} AS series, toDateTime({end}, 'UTC') AS ends_at,
    ends_at - (intDiv(number, {series}) + 1) * {seconds} AS start, {place}, {counts}
SELECT '{log}', 0, 1, 'pane', 1, '{tier}', start, tenant, queue, channel, visibility, opened_count, resolved_count,
    closed_count, contact_count, inbound_message_count, escalated_functional_count, escalated_handoff_count,
    sla_met_first_response_count, sla_due_first_response_count, open_ms, first_response_histogram, resolution_histogram
FROM numbers({first}, {count})
"""
_CHECKPOINT = """
INSERT INTO ledger (log, kafka_partition, revision, kind, epoch, next_offset, watermark, reporting_zone,
    partition_count)
SELECT '{log}', 0, 1, 'checkpoint', 1, 1000000000, toDateTime64({end}, 3, 'UTC'), 'UTC', 1
"""
_ROLLING = """
INSERT INTO rolling_revisions (emitted_at, window_seconds, scope, tenant, queue, channel, contact_count, open_count,
    arrived_count, departed_count, open_ms, sla_met_count, sla_missed_count, first_response_histogram,
    open_below_1h_count, open_1h_to_4h_count, oldest_since, waiting_agent_count, sla_due_15m_count, sla_due_60m_count)
WITH number % {rows} AS series, toDateTime({end}, 'UTC') - intDiv(number, {rows}) * 60 AS start, {place}
SELECT start, {window}, if(series < {series}, 'cell', 'all'), if(series < {series}, tenant, ''),
    if(series < {series}, queue, ''), if(series < {series}, channel, ''), 260, 90, 260, 250, 324000000, 200, 10,
    map(toUInt32(240), toInt64(250)), 60, 30, start - 4000, 50, 3, 9
FROM numbers({first}, {count})
"""


def fill(client: ClickHouse, end_seconds: int) -> int:
    """Write the year up to a full hour (UTC epoch seconds) and return its number of panes."""
    place = _PLACE.format(channels=list(CHANNELS))
    common = {"log": LOG, "end": end_seconds, "series": SERIES, "place": place, "counts": _COUNTS}
    pane_count = 0
    for tier, seconds, days in (("day", 86_400, DAYS), ("hour", 3_600, DAYS), ("minute", 60, MINUTE_DAYS)):
        count = days * 86_400 // seconds * SERIES
        mean = CONVERSATIONS_PER_DAY / SERIES * seconds / 86_400
        _in_parts(client, _PANES, count, mean=mean, seconds=seconds, tier=tier, **common)
        pane_count += count
    client.execute(_CHECKPOINT.format(**common))
    rows = SERIES + 1
    for window in (300, 3_600):
        _in_parts(client, _ROLLING, ROLLING_DAYS * 1_440 * rows, rows=rows, window=window, **common)
    return pane_count


def _in_parts(client: ClickHouse, statement: str, count: int, **values: object) -> None:
    for first in range(0, count, ROWS_PER_INSERT):
        client.execute(statement.format(first=first, count=min(ROWS_PER_INSERT, count - first), **values))
