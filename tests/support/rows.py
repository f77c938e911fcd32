"""Rows of the views, from a ledger and from the oracle, and their comparison."""

import datetime
import math
from collections import Counter
from typing import Any

from pipeline.clickhouse.client import ClickHouse
from tests.oracle import Oracle

Rows = list[tuple[Any, ...]]

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
VIEWS = (
    "backlog_by_hour",
    "backlog_by_day",
    "channel_mix_by_day",
    "escalations_by_day",
    "durations_by_hour",
    "sla_by_hour",
    "conversation_facts",
)
CELL = "tenant, queue, channel, visibility"
BACKLOG = f"{CELL}, open_count, arrived_count, departed_count, moved_in_count, moved_out_count"
MIX = "tenant, queue, channel, mode, visibility, opened_count, inbound_message_count"
COLUMNS = {
    "backlog_by_minute": f"minute, {BACKLOG}",
    "backlog_by_hour": f"hour, {BACKLOG}",
    "backlog_by_day": f"day, {BACKLOG}",
    "channel_mix_by_minute": f"minute, {MIX}",
    "channel_mix_by_day": f"day, {MIX}",
    "escalations_by_day": "day, tenant, queue, channel, kind, escalated_count",
    "durations_by_hour": f"hour, {CELL}, kind, bucket_lower_bound_ms(bucket.1), bucket.2",
    "sla_by_hour": f"hour, {CELL}, clock, met_count, missed_count",
    "conversation_facts": (
        "tenant, source, conversation_id, channel, visibility, queue, state, "
        + ", ".join(
            f"coalesce(toUnixTimestamp64Milli({name}), 0)"
            for name in ("opened_at", "first_response_at", "resolved_at", "departed_at")
        )
        + ", message_count, transferred_count, escalated_count, reopened_count, is_implicit"
    ),
}
#: Compared although not a view: the histograms as stored in the panes, one row per bucket.
SOURCES = {
    "durations_by_hour": f"""(
        SELECT start AS hour, {CELL}, kinds.1 AS kind, sumMap(kinds.2) AS histogram
        FROM panes
        ARRAY JOIN [
            ('first_response', first_response_histogram),
            ('reply', reply_histogram),
            ('resolution', resolution_histogram)
        ] AS kinds
        WHERE tier = 'hour'
        GROUP BY hour, {CELL}, kind
    ) ARRAY JOIN arrayZip(mapKeys(histogram), mapValues(histogram)) AS bucket WHERE bucket.2 != 0"""
}


def assert_same_rows(view: str, found: Rows, wanted: Rows) -> None:
    """Fail with some of the rows that only one of the two has."""
    if found != wanted:
        missing, surplus = set(wanted) - set(found), set(found) - set(wanted)
        raise AssertionError(
            f"{view}: {len(wanted)} rows wanted, {len(found)} found; "
            f"missing {sorted(missing)[:5]}, surplus {sorted(surplus)[:5]}"
        )


def view_rows(client: ClickHouse, view: str) -> Rows:
    """Return the current rows of a view, in the form of `expected_rows`."""
    query = f"SELECT {COLUMNS[view]} FROM {SOURCES.get(view, view)}"
    return sorted(tuple(map(as_milliseconds, row)) for row in client.rows(query))


def log_rows(client: ClickHouse, view: str, log: str) -> Rows:
    """Return the rows that a view holds of a log, as text, without the revisions."""
    columns = client.rows(
        f"SELECT groupArray(name) FROM system.columns WHERE database = currentDatabase() AND table = '{view}' "
        "AND name NOT IN ('log', 'revision')"
    )[0][0]
    listed = ", ".join(f"toString({name})" for name in columns)
    return sorted(client.rows(f"SELECT {listed} FROM {view} WHERE log = '{log}'"))


def expected_rows(oracle: Oracle, view: str) -> Rows:
    """Return the oracle's rows of a view, as tuples in the order of the view's columns."""
    name, _, interval = view.partition("_by_")
    match name:
        case "conversation_facts":
            rows = oracle.conversation_facts()
        case "durations":
            return _durations_by_hour(oracle)
        case "sla":
            return _sla_by_hour(oracle)
        case _:
            rows = {
                "backlog": oracle.backlog_by,
                "channel_mix": oracle.channel_mix_by,
                "escalations": oracle.escalations_by,
            }[name](interval)
    return sorted(tuple(0 if value is None else value for value in row.values()) for row in rows)


def _durations_by_hour(oracle: Oracle) -> Rows:
    """Return each hour, cell and kind with its buckets: 16 of equal width per power of two, below 32 ms one per ms."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in oracle.response_times():
        duration_ms = row["duration_ms"]
        width_ms = max(1, 2 ** math.floor(math.log2(max(1, duration_ms))) // 16)
        cell = (row["tenant"], row["queue"], row["channel"], row["visibility"])
        counts[row["minute"] // HOUR_MS * HOUR_MS, *cell, row["kind"], duration_ms // width_ms * width_ms] += 1
    return sorted((*key, count) for key, count in counts.items())


def _sla_by_hour(oracle: Oracle) -> Rows:
    """Return SLA clocks met and missed; those due in the minute of the watermark are not missed yet."""
    minute_ms = oracle.watermark_ms // MINUTE_MS * MINUTE_MS
    met, missed = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for row in oracle.sla():
        if row["outcome"] == "open" or (row["outcome"] == "missed" and row["at_ms"] >= minute_ms):
            continue
        cell = (row["tenant"], row["queue"], row["channel"], row["visibility"])
        counts = met if row["outcome"] == "met" else missed
        counts[row["at_ms"] // HOUR_MS * HOUR_MS, *cell, row["clock"]] += 1
    return sorted((*key, met[key], missed[key]) for key in met.keys() | missed.keys())


def as_milliseconds(value: Any) -> Any:
    """Return instants and days as UTC epoch ms, as in the oracle."""
    if isinstance(value, datetime.datetime):
        return int(value.replace(tzinfo=datetime.UTC).timestamp()) * 1000
    if isinstance(value, datetime.date):
        return int(datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC).timestamp()) * 1000
    return value
