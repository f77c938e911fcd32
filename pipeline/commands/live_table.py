"""The table that the demo shows while it runs."""

import time
from typing import Any

from rich.console import Group
from rich.table import Table

from pipeline.clickhouse.client import connect
from pipeline.errors import ClickHouseUnavailableError
from pipeline.settings import Settings


class ClickHouseTable:
    """A table of the current numbers, read from ClickHouse through the public views."""

    def __init__(self, settings: Settings) -> None:
        self._client = connect(settings)
        self._before: tuple[float, int] | None = None

    def __enter__(self) -> "ClickHouseTable":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def draw(self) -> Group | str:
        """Return the current table, or a message if there are no numbers."""
        try:
            return self._drawn()
        except ClickHouseUnavailableError as error:
            return f"ClickHouse does not answer: {error}"

    def _drawn(self) -> Group | str:
        checkpoints = self._client.rows(
            "SELECT sum(consumed_count), toUnixTimestamp64Milli(max(watermark)), sum(rejected_count) FROM checkpoints "
            "WHERE epoch = (SELECT max(epoch) FROM checkpoints)"
        )
        consumed, watermark_ms, rejected = checkpoints[0]
        if not consumed:
            return "waiting for the first flush …"
        rows = self._client.rows(
            """
            SELECT channel, sumIf(value, kind = 'contact') AS contacts, sumIf(value, kind = 'message') AS messages,
                sumIf(value, kind = 'open') AS open, sumIf(value, kind = 'escalated') AS escalated
            FROM (
                SELECT channel, 'contact' AS kind, sum(contact_count) AS value FROM panes
                WHERE tier = 'minute' AND start > (SELECT latest FROM watermarks) - INTERVAL 1 HOUR GROUP BY channel
                UNION ALL
                SELECT channel, 'message', sum(inbound_message_count) FROM panes
                WHERE tier = 'minute' AND start > (SELECT latest FROM watermarks) - INTERVAL 1 HOUR GROUP BY channel
                UNION ALL
                SELECT channel, 'escalated', sum(escalated_count) FROM escalations_by_minute
                WHERE minute > (SELECT latest FROM watermarks) - INTERVAL 1 HOUR GROUP BY channel
                UNION ALL
                SELECT channel, 'open', sum(open_count) FROM backlog_age GROUP BY channel
            )
            GROUP BY channel ORDER BY contacts DESC, channel
            """
        )
        return Group(_mix(rows), self._footer(consumed, watermark_ms, rejected))

    def _footer(self, consumed: int, watermark_ms: int, rejected: int) -> str:
        now = time.monotonic()
        before_at, before = self._before or (now, consumed)
        rate = (consumed - before) / (now - before_at) if now > before_at else 0.0
        if self._before is None or now - before_at > 5:
            self._before = (now, consumed)
        age = max(0.0, time.time() - watermark_ms / 1000)
        return (
            f"{consumed:,} records, {rate:,.0f} a second, dead letters: {rejected:,}; "
            f"latest event {time.strftime('%H:%M:%S', time.gmtime(watermark_ms / 1000))} UTC, {age:.1f} s ago"
        )


def _mix(rows: list[tuple[Any, ...]]) -> Table:
    table = Table(title="Last hour by channel")
    table.add_column("channel")
    for name in ("contacts", "share", "messages", "open now", "escalations"):
        table.add_column(name, justify="right")
    total = sum(row[1] for row in rows) or 1
    for channel, contacts, messages, open_now, escalated in rows:
        table.add_row(
            channel or "(unknown)",
            str(contacts),
            f"{contacts / total:.0%}",
            str(messages),
            str(open_now),
            str(escalated),
        )
    columns = [sum(row[index] for row in rows) for index in (1, 2, 3, 4)]
    table.add_section()
    table.add_row("all", str(columns[0]), "100%", *map(str, columns[1:]))
    return table
