"""Waiting for ClickHouse and Kafka: the same work again, with growing pauses, for as long as they are away."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pipeline.errors import ClickHouseUnavailableError, KafkaUnavailableError

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 10.0
#: Between the attempts at one read of many, before all of them begin anew.
READ_PAUSES_SECONDS = (0.1, 0.3)

Result = TypeVar("Result")


def _ignore() -> None:
    """A failure that only the log needs to know."""


def read_again(read: Callable[[], Result]) -> Result:
    """Read in this thread, up to three times while ClickHouse is away. Raises ClickHouseUnavailableError after the
    last.

    For one of the many reads that a restore consists of: without it a share of failing requests has the restore begin
    anew so often that it never ends.
    """
    for pause_seconds in READ_PAUSES_SECONDS:
        try:
            return read()
        except ClickHouseUnavailableError as error:
            logger.info("reading again in %.1f s: %s", pause_seconds, error)
            time.sleep(pause_seconds)
    return read()


async def patiently(where: str, work: Callable[[], Result], failed: Callable[[], None] = _ignore) -> Result:
    """Do something in a thread, again until what it needs answers; `where` is for the log. Raises what else comes.

    `failed` is called after each attempt without an answer.
    """
    return await again_and_again(where, lambda: asyncio.to_thread(work), failed)


async def again_and_again(
    where: str, work: Callable[[], Awaitable[Result]], failed: Callable[[], None] = _ignore
) -> Result:
    """The same for what is done in the event loop."""
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await work()
        except (ClickHouseUnavailableError, KafkaUnavailableError) as error:
            failed()
            logger.warning("%s: again in %.1f s: %s", where, pause_seconds, error)
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
