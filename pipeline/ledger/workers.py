"""Signs of life of the workers in ClickHouse: who folds a log now, and with which rules.

Consumer groups cannot tell: they do not know the rules, and the embedded broker goes on listing members that left.
"""

import os
import secrets
import socket
from collections.abc import Sequence
from typing import Literal

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted

BEAT_SECONDS = 4.0
#: After this long without a sign of life a worker counts as gone.
GONE_SECONDS = 15


def at_work(client: ClickHouse, log: str) -> list[str]:
    """Ids of the workers that fold a log or are about to. Raises what ClickHouse raises."""
    rows = client.rows(
        f"SELECT worker_id FROM workers FINAL WHERE log = {quoted(log)} AND state IN ('starting', 'working') "
        f"AND seen_at > now64(3, 'UTC') - INTERVAL {GONE_SECONDS} SECOND ORDER BY worker_id"
    )
    return [str(worker_id) for (worker_id,) in rows]


class WorkerRegistry:
    """One worker process as the others see it. Not for several threads at once. Raises what ClickHouse raises."""

    def __init__(self, client: ClickHouse, log: str, version: str) -> None:
        self._client = client
        self._log = log
        self._version = version
        self._worker_id = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"

    def tell(self, state: Literal["starting", "working", "stopped"]) -> None:
        """Give a sign of life, or say goodbye in order, so that nobody waits."""
        self._tell(self._client, state)

    def say_goodbye(self, client: ClickHouse, state: Literal["stopped", "braked"]) -> None:
        """The last word of a worker that fails; over a connection of its own, since signs of life go on meanwhile."""
        self._tell(client, state)

    def last_brake(self) -> float:
        """When the brake last ended a worker of this log, in epoch seconds; 0 where none is known."""
        [(milliseconds,)] = self._client.rows(
            "SELECT toUnixTimestamp64Milli(max(seen_at)) FROM workers "
            f"WHERE log = {quoted(self._log)} AND state = 'braked'"
        )
        return int(milliseconds) / 1000

    def _tell(self, client: ClickHouse, state: str) -> None:
        values = ", ".join(map(quoted, (self._log, self._worker_id, self._version, state)))
        client.execute(f"INSERT INTO workers (log, worker_id, configuration, state) VALUES ({values})")

    def others(self, states: Sequence[str]) -> list[str]:
        """Ids of the workers in one of these states that have other rules for this log and have not gone."""
        rows = self._client.rows(
            "SELECT worker_id FROM workers FINAL "
            f"WHERE log = {quoted(self._log)} AND configuration != {quoted(self._version)} "
            f"AND state IN ({', '.join(map(quoted, states))}) "
            f"AND seen_at > now64(3, 'UTC') - INTERVAL {GONE_SECONDS} SECOND ORDER BY worker_id"
        )
        return [str(worker_id) for (worker_id,) in rows]
