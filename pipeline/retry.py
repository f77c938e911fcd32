"""Retry calls to Kafka and ClickHouse, with growing pauses, for as long as they do not answer."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

from pipeline.errors import RetryableError

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0
#: Between the attempts at one read of many, before all of them begin anew.
READ_PAUSES_SECONDS = (0.1, 0.3)

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


def _ignore() -> None:
    """Leave a failure to the log."""


def retry_read(read: Callable[[], Result]) -> Result:
    """Read in this thread, up to three times while ClickHouse is away. Raises RetryableError after the last.

    For one of the many reads that a restore consists of: without it a share of failing requests makes the restore begin
    anew so often that it never ends.
    """
    for pause_seconds in READ_PAUSES_SECONDS:
        try:
            return read()
        except RetryableError as error:
            logger.info("reading again in %.1f s: %s", pause_seconds, error)
            time.sleep(pause_seconds)
    return read()


async def retry_in_thread(
    where: str,
    function: Callable[[*Arguments], Result],
    *arguments: *Arguments,
    on_failure: Callable[[], None] = _ignore,
) -> Result:
    """Call a function in a thread until it does not raise RetryableError; `where` is for the log.

    `on_failure` is called after each attempt that did. Raises what else the function raises.
    """
    return await retry(where, asyncio.to_thread, function, *arguments, on_failure=on_failure)


async def retry(
    where: str,
    function: Callable[[*Arguments], Awaitable[Result]],
    *arguments: *Arguments,
    on_failure: Callable[[], None] = _ignore,
) -> Result:
    """Await a coroutine function until it does not raise RetryableError, as `retry_in_thread` does for functions."""
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await function(*arguments)
        except RetryableError as error:
            on_failure()
            logger.warning("%s: again in %.1f s: %s", where, pause_seconds, error)
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
