"""A ClickHouse client that repeats the same query, in its own thread."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from benchmarks.support.processes import MeasurementError
from pipeline.clickhouse.client import ClickHouse


class Answered(NamedTuple):
    """When a query was sent (`time.monotonic`, seconds), and how long its complete answer took."""

    asked_at: float
    seconds: float


class RepeatedQuery:
    """Runs `ask` inside the block every `every_seconds`, or back to back if it takes longer.

    The first run is `after_seconds` after the start of the block.
    """

    def __init__(
        self,
        url: str,
        database: str,
        every_seconds: float,
        ask: Callable[[ClickHouse], object],
        after_seconds: float = 0.0,
    ) -> None:
        self._answers: list[Answered] = []
        self._url, self._database, self._ask = url, database, ask
        self._every_seconds, self._after_seconds = every_seconds, after_seconds
        self._failure: Exception | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def answers(self, from_at: float, until_at: float) -> list[Answered]:
        """Return the answers to queries sent in that period. Raises MeasurementError if the client failed."""
        if self._failure is not None:
            raise MeasurementError(f"a client of ClickHouse ended early: {self._failure}") from self._failure
        return [answer for answer in self._answers if from_at <= answer.asked_at < until_at]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        client = ClickHouse(self._url, self._database)
        pause_seconds = self._after_seconds
        try:
            while not self._closed.wait(pause_seconds):
                asked_at = time.monotonic()
                self._ask(client)
                seconds = time.monotonic() - asked_at
                self._answers.append(Answered(asked_at, seconds))
                pause_seconds = max(0.0, self._every_seconds - seconds)
        except Exception as failure:
            self._failure = failure
        finally:
            client.close()
