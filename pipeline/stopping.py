"""Commands that run until Ctrl-C or SIGTERM."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


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
        for number, handler in before.items():
            signal.signal(number, handler)
