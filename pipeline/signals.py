"""Context managers for commands that run until Ctrl-C or SIGTERM."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any


class Stopped(Exception):  # noqa: N818
    """Ctrl-C or SIGTERM was received."""


@contextlib.contextmanager
def stops_on_signals() -> Iterator[None]:
    """End the block quietly on Ctrl-C or SIGTERM."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Stopped:
        pass
    finally:
        _restore(before)


@contextlib.contextmanager
def stop_requested() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether Ctrl-C or SIGTERM was received. A second signal acts by default."""
    received = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        received.set()
        _restore(before)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received.is_set
    finally:
        _restore(before)


def _restore(before: Mapping[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)
