"""Commands that run until Ctrl-C or SIGTERM."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any


class Stopped(Exception):  # noqa: N818
    """Ctrl-C or SIGTERM."""


@contextlib.contextmanager
def stops_on_signals() -> Iterator[None]:
    """What runs inside ends with Ctrl-C or SIGTERM, quietly."""

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
def told_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has come, for what ends in order by itself then; a second one acts as ever."""
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        told.set()
        _restore(before)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told.is_set
    finally:
        _restore(before)


def _restore(before: Mapping[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)
