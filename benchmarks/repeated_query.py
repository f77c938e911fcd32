"""A client of ClickHouse that asks the same again and again, in a thread of its own."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from benchmarks.processes import MeasurementError
from pipeline.clickhouse import ClickHouse


class RepeatedQuery:
    """Runs `ask` every `every_seconds`, or as soon as it is done when it took longer, inside the block.

    `durations_seconds` are those of `ask`, wall time from asking to the whole answer.
    """

    def __init__(self, url: str, database: str, every_seconds: float, ask: Callable[[ClickHouse], object]) -> None:
        self.durations_seconds: list[float] = []
        self._url, self._database, self._every_seconds, self._ask = url, database, every_seconds, ask
        self._failure: Exception | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def check(self) -> None:
        """Raise MeasurementError when an error has ended it."""
        if self._failure is not None:
            raise MeasurementError(f"a client of ClickHouse ended early: {self._failure}") from self._failure

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        door = ClickHouse(self._url, self._database)
        try:
            while not self._closed.is_set():
                asked_at = time.monotonic()
                self._ask(door)
                seconds = time.monotonic() - asked_at
                self.durations_seconds.append(seconds)
                self._closed.wait(max(0.0, self._every_seconds - seconds))
        except Exception as failure:
            self._failure = failure
        finally:
            door.close()
