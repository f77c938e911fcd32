"""A client of ClickHouse that asks the same again and again, in a thread of its own."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from benchmarks.support.processes import MeasurementError
from pipeline.clickhouse.client import ClickHouse


class Answered(NamedTuple):
    """When it was asked (`time.monotonic`, seconds), and how long it took until the whole answer was there."""

    asked_at: float
    seconds: float


class RepeatedQuery:
    """Runs `ask` every `every_seconds`, or as soon as it is done when it took longer, inside the block.

    The first time `after_seconds` after its begin.
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
        """Those that were asked for in that time. Raises MeasurementError when an error has ended the client."""
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
