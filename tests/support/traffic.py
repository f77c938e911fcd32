"""Traffic for whole runs: simulated records of the last minutes, and nine days with a burst of escalations."""

import datetime
import json
import time
from random import Random
from types import SimpleNamespace
from typing import Any

from pipeline.simulation.traffic import simulate
from tests.support.records import escalated

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
START_MS = 1_700_000_000_000


def live_records(seed: int, number: int, rate: float = 200.0) -> list[tuple[bytes | None, bytes | None]]:
    """Return simulated traffic of the last minutes, with its duplicates, disorder, late and bad records."""
    start_ms = time.time_ns() // 1_000_000 - 30 * MINUTE_MS
    items = simulate(seed, rate, start_ms, follows_the_day=False, speedup=60.0, id_prefix=f"t{seed}")
    return [(item.key, item.value) for item, _ in zip(items, range(number), strict=False)]


def traffic(seed: int, hours: float = 1.0, rate: float = 2.0) -> list[Any]:
    """Return simulated records from `START_MS` on, as a worker reads them from one partition."""
    items = simulate(
        seed, rate, START_MS, until_ms=START_MS + int(hours * HOUR_MS), follows_the_day=False, speedup=30.0
    )
    return [
        SimpleNamespace(offset=offset, timestamp=item.send_at_ms, key=item.key, value=item.value, headers=())
        for offset, item in enumerate(items)
    ]


#: A day in minutes, and minutes since the epoch.
DAY = 1_440
START = int(datetime.datetime(2024, 3, 4, tzinfo=datetime.UTC).timestamp()) // 60


class NineDays:
    """Escalations of two queues, one every third minute for nine days; then ten more a minute in one for 12 minutes.

    They end, half an hour after the burst, with this minute. The attributes are minutes since the epoch.
    """

    def __init__(self) -> None:
        self.end = time.time_ns() // 60_000_000_000
        self.burst = range(self.end - 42, self.end - 30)
        self.start = self.burst.start - 9 * DAY

    def records(self) -> list[tuple[bytes, bytes]]:
        """Return the records, the same at each call."""
        chance = Random(9)
        found: list[tuple[bytes, bytes]] = []
        for minute in range(self.start, self.end):
            for number, (queue, channel) in enumerate((("billing", "web_chat"), ("technical", "phone"))):
                # Regular, so that no chance of the hour makes a false alarm.
                if (minute - self.start + number) % 3 == 0:
                    found += escalated(f"{queue} {minute}", minute, chance.randrange(60), queue, channel)
            if minute in self.burst:
                for second in range(0, 60, 6):
                    found += escalated(f"burst {minute} {second}", minute, second, "billing", "web_chat")
        return found


def minute_of(value: bytes) -> int:
    """Return the minute of an event, since the epoch."""
    return int(datetime.datetime.fromisoformat(json.loads(value)["time"]).timestamp()) // 60
