"""Days of the reporting zone, which need not be 24 hours long nor begin at a UTC hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY_MS = 86_400_000
SHORTEST_DAY_MS = 20 * 3_600_000


class ReportingDays:
    """Half-open days `[start, end)` of one zone, in UTC epoch ms. Raises ValueError for a zone that nobody knows."""

    def __init__(self, zone: str = "UTC") -> None:
        self.zone = zone
        try:
            self._zone = None if zone == "UTC" else ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"reporting_zone: expected a time zone such as Europe/Berlin, got {zone!r}") from None

    def start(self, at_ms: int) -> int:
        """Start of the day that holds `at_ms`."""
        if self._zone is None:
            return at_ms // DAY_MS * DAY_MS
        start_ms = self._midnight(at_ms, 0)
        if at_ms - start_ms < SHORTEST_DAY_MS:
            return start_ms
        # Clocks that go back over midnight show the old date again; the new day has begun all the same.
        next_ms = self._midnight(at_ms, 1)
        return next_ms if next_ms <= at_ms else start_ms

    def end(self, at_ms: int) -> int:
        """End of the day that holds `at_ms`, which is the start of the next one."""
        if self._zone is None:
            return at_ms // DAY_MS * DAY_MS + DAY_MS
        end_ms = self._midnight(at_ms, 1)
        return end_ms if end_ms > at_ms else self._midnight(at_ms, 2)

    def _midnight(self, at_ms: int, days: int) -> int:
        local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self._zone)
        # `fold=0` takes the first of two midnights; where midnight does not exist, the first instant after the gap.
        midnight = datetime(local.year, local.month, local.day, tzinfo=self._zone) + timedelta(days=days)
        return int(midnight.timestamp()) * 1000
