"""Queries of the page to ClickHouse: few at a time, read-only, with limits."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import ClickHouseRejectedError, ClickHouseUnavailableError
from pipeline.web.frames import Column, read_columns

CONNECTIONS = 3
WAIT_SECONDS = 20.0
#: Limits of one query: time, size of the answer, and read-only.
LIMITS = {
    "max_execution_time": 15,
    "max_result_rows": 50_000,
    "max_result_bytes": 50_000_000,
    "result_overflow_mode": "throw",
    "output_format_json_quote_64bit_integers": 0,
    "date_time_output_format": "unix_timestamp",
    "readonly": 2,
}
MAX_TEXT = 800


class QueryError(Exception):
    """A query failed, or was not answered. The message is ClickHouse's own, shortened."""


class Queries:
    """A pool of ClickHouse connections for queries. Thread-safe."""

    def __init__(self, url: str, database: str) -> None:
        self._free: queue.LifoQueue[ClickHouse] = queue.LifoQueue()
        self._clients = [ClickHouse(url, database) for _ in range(CONNECTIONS)]
        for client in self._clients:
            self._free.put(client)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    def columns(self, sql: str) -> list[Column]:
        """Return the answer of a query. Raises QueryError."""
        with self._client() as client:
            try:
                answer = client.raw(sql, "JSONCompact", LIMITS)
            except (ClickHouseRejectedError, ClickHouseUnavailableError) as error:
                raise QueryError(_readable(str(error))) from error
        if not answer.strip():
            raise QueryError("expected a statement that answers with a table, found one that answers nothing")
        return read_columns(answer)

    @contextmanager
    def _client(self) -> Iterator[ClickHouse]:
        try:
            client = self._free.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise QueryError(f"{CONNECTIONS} queries were running for {WAIT_SECONDS:.0f} s; try again") from None
        try:
            yield client
        finally:
            self._free.put(client)


def _readable(text: str) -> str:
    """Return ClickHouse's own message, without the client library's prefix, shortened."""
    start = text.find("Code: ")
    text = text[start:].strip() if start >= 0 else f"ClickHouse does not answer: {text}"
    if "UNKNOWN_DATABASE" in text or "UNKNOWN_TABLE" in text:
        text = f"{text[:MAX_TEXT]} – run: sichtflug migrate"
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} …"
