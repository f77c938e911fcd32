"""The watermark up to which the numbers are complete, and whether it is stale."""

import threading
import time
from collections.abc import Callable

import msgspec

from pipeline.web.queries import Queries

STALE_MS = 120_000
KEEP_SECONDS = 1.0

#: The watermark of the slowest partition, or the last minute that the rolling stage evaluated if that is later, as it
#: is without events. An aggregate over no rows is the epoch.
SQL = """
SELECT greatest(
    (SELECT toUnixTimestamp64Milli(any(settled)) FROM watermarks),
    (SELECT toInt64(if(min(judged) = 0, 0, (min(judged) + 1) * 60000))
     FROM (SELECT max(minute) AS judged FROM rolling_checkpoints GROUP BY log))
) AS holds_for_ms
"""


class Holding(msgspec.Struct, frozen=True):
    """The instant up to which numbers are complete, UTC epoch ms, 0 if nothing was counted; stale if it lags behind."""

    holds_for_ms: int
    is_stale: bool


class Watermark:
    """The watermark, queried at most once a second. Thread-safe."""

    def __init__(self, queries: Queries, clock: Callable[[], float] = time.time) -> None:
        self._queries = queries
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at = 0.0
        self._value_ms = 0

    def holding(self, to_ms: int) -> Holding:
        """Return the instant up to which numbers queried after this call are complete. Raises QueryError."""
        with self._lock:
            now = self._clock()
            if not 0 <= now - self._asked_at < KEEP_SECONDS:
                columns = self._queries.columns(SQL)
                self._value_ms = int(columns[0].values[0] or 0)
                self._asked_at = now
            value_ms = self._value_ms
        return Holding(value_ms, value_ms > 0 and min(to_ms, int(now * 1000)) - value_ms > STALE_MS)
