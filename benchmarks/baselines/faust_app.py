"""A plain Faust app, timed: one agent that receives one event at a time, as in Faust's documentation."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import faust
import msgspec

from benchmarks.support.processes import answer, arguments_of
from benchmarks.support.traffic import Topic

GIVE_UP_SECONDS = 60.0

#: Handles the value of one record.
Handle = Callable[[bytes], None]


class Run(msgspec.Struct, frozen=True):
    """The topic, a new consumer group to read it with, and the number of events after which to stop."""

    topic: Topic
    group: str
    event_count: int


class Agent(msgspec.Struct):
    """The number of events the agent received, and wall seconds from the first to the last of them."""

    event_count: int
    seconds: float


#: Sets up what handling an event needs in the app (tables, for example) and returns the handler.
Build = Callable[[faust.App, Run], Handle]


def answer_with_agent(build: Build) -> None:
    """Time the app that `build` sets up, as the entry point of a measurement.

    Ends the process without Faust's orderly shutdown, which waits for everything it has buffered.
    """
    asyncio.run(_main(build))


async def _main(build: Build) -> None:
    with tempfile.TemporaryDirectory(prefix="sichtflug-faust-") as directory:
        try:
            answer(await _read(arguments_of(Run), build, directory))
        except TimeoutError:
            sys.stderr.write(f"the agent was not given the events within {GIVE_UP_SECONDS:.0f} s\n")
            sys.stderr.flush()
            status = 1
        else:
            status = 0
    os._exit(status)


async def _read(run: Run, build: Build, directory: str) -> Agent:
    """Start the app and return once `event_count` events have passed through the agent."""
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    app = faust.App(
        run.group,
        broker=f"kafka://{run.topic.bootstrap}",
        store="memory://",
        datadir=directory,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        loghandlers=[],
    )
    handle = build(app, run)

    async def handle_each(stream: Any) -> None:
        count, started_at = 0, 0.0
        async for value in stream:
            if not count:
                started_at = time.perf_counter()
            handle(value)
            count += 1
            if count == run.event_count:
                done.set_result(time.perf_counter() - started_at)

    app.agent(app.topic(run.topic.name, value_serializer="raw", key_serializer="raw"), name="handle")(handle_each)
    app.finalize()
    await app.start()
    seconds = await asyncio.wait_for(done, GIVE_UP_SECONDS)
    return Agent(run.event_count, seconds)
