"""Days of the reporting zone, which need not last 24 hours nor begin at a UTC hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: The end of supported time, 2100-01-01 UTC. Nothing happens or falls due later, so every minute fits into the ledger.
END_MS = 4_102_444_800_000
DAY_MS = 86_400_000
SHORTEST_DAY_MS = 20 * 3_600_000


def time_zone(field: str, name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises ValueError, which names `field`, if it is unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{field}: expected a time zone such as Europe/Berlin, got {name!r}") from None


class ReportingDays:
    """Half-open days `[start, end)` of one zone, in UTC epoch ms. Raises ValueError for an unknown zone."""

    def __init__(self, zone: str = "UTC") -> None:
        self.zone = zone
        self._zone = None if zone == "UTC" else time_zone("reporting_zone", zone)

    def start(self, at_ms: int) -> int:
        """Return the start of the day that contains `at_ms`."""
        if self._zone is None:
            return at_ms // DAY_MS * DAY_MS
        start_ms = self._midnight(at_ms, 0)
        if at_ms - start_ms < SHORTEST_DAY_MS:
            return start_ms
        # Clocks that go back across midnight show the old date again, although the new day has begun.
        next_ms = self._midnight(at_ms, 1)
        return next_ms if next_ms <= at_ms else start_ms

    def end(self, at_ms: int) -> int:
        """Return the end of the day that contains `at_ms`, which is the start of the next one."""
        if self._zone is None:
            return at_ms // DAY_MS * DAY_MS + DAY_MS
        end_ms = self._midnight(at_ms, 1)
        return end_ms if end_ms > at_ms else self._midnight(at_ms, 2)

    def _midnight(self, at_ms: int, days: int) -> int:
        local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self._zone)
        # `fold=0` selects the first of two midnights; without a midnight, the first instant after the gap.
        midnight = datetime(local.year, local.month, local.day, tzinfo=self._zone) + timedelta(days=days)
        return int(midnight.timestamp()) * 1000
