"""Retries of calls to Kafka and ClickHouse, with growing pauses, until they answer."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

from pipeline.errors import RetryableError

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0
#: Between the attempts of `retry_read`.
READ_PAUSES_SECONDS = (0.1, 0.3)

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


def _ignore() -> None:
    """Do nothing: the failure is logged."""


def retry_read(read: Callable[[], Result]) -> Result:
    """Read in this thread, with up to three attempts. Raises RetryableError after the last.

    For each of the many reads of a restore: otherwise a small share of failing requests would restart the whole restore
    so often that it never ends.
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
    """Call a function in a thread until it does not raise RetryableError. Other exceptions propagate.

    `where` identifies the call in the log; `on_failure` is called after each failed attempt.
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
