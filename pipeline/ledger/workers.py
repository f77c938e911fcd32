"""The registry of workers in ClickHouse: which processes fold a log now, and with which rules.

Consumer groups do not provide this: they do not know the rules, and the embedded broker keeps listing members that
have left.
"""

import os
import secrets
import socket
import threading
from collections.abc import Sequence
from typing import Literal

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted

REPORT_SECONDS = 4.0
#: Without a report for this long, a worker counts as gone.
GONE_SECONDS = 15


def at_work(client: ClickHouse, log: str) -> list[str]:
    """Return the ids of workers that fold a log or are starting to. Raises the errors of the ClickHouse client."""
    rows = client.rows(
        f"SELECT worker_id FROM workers FINAL WHERE log = {quoted(log)} AND state IN ('starting', 'working') "
        f"AND seen_at > now64(3, 'UTC') - INTERVAL {GONE_SECONDS} SECOND ORDER BY worker_id"
    )
    return [str(worker_id) for (worker_id,) in rows]


class WorkerRegistry:
    """The registry entry of one worker process. Thread-safe. Raises the errors of the ClickHouse client.

    An end is final: a report that another thread still wants to write after it would show a worker that has gone.
    """

    def __init__(self, client: ClickHouse, log: str, version: str) -> None:
        self._client = client
        self._log = log
        self._version = version
        self._writing = threading.Lock()
        self._has_ended = False
        self._worker_id = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"

    def report(self, state: Literal["starting", "working", "stopped"]) -> None:
        """Report the state of this worker. After "stopped", other workers need not wait for it to expire."""
        self._report(self._client, state)

    def report_failed(self, client: ClickHouse, state: Literal["stopped", "braked"]) -> None:
        """Report the end of a failing worker, on a connection of its own."""
        self._report(client, state)

    def last_brake(self) -> float:
        """Return when the brake last stopped a worker of this log, in epoch seconds; 0 if never."""
        [(milliseconds,)] = self._client.rows(
            "SELECT toUnixTimestamp64Milli(max(seen_at)) FROM workers "
            f"WHERE log = {quoted(self._log)} AND state = 'braked'"
        )
        return int(milliseconds) / 1000

    def _report(self, client: ClickHouse, state: str) -> None:
        values = ", ".join(map(quoted, (self._log, self._worker_id, self._version, state)))
        with self._writing:
            if self._has_ended:
                return
            self._has_ended = state in ("stopped", "braked")
            client.execute(f"INSERT INTO workers (log, worker_id, configuration, state) VALUES ({values})")

    def others(self, states: Sequence[str]) -> list[str]:
        """Return the ids of live workers of this log that are in one of these states and have other rules."""
        rows = self._client.rows(
            "SELECT worker_id FROM workers FINAL "
            f"WHERE log = {quoted(self._log)} AND configuration != {quoted(self._version)} "
            f"AND state IN ({', '.join(map(quoted, states))}) "
            f"AND seen_at > now64(3, 'UTC') - INTERVAL {GONE_SECONDS} SECOND ORDER BY worker_id"
        )
        return [str(worker_id) for (worker_id,) in rows]
