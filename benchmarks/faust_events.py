"""Faust as its documentation shows it: an agent that is handed one event at a time, and decodes it."""

import asyncio
import os
import time
from typing import Any

import faust
import msgspec

from benchmarks.processes import answer, arguments_of
from benchmarks.traffic import Topic
from streams.events import Envelope

GIVE_UP_SECONDS = 120.0


class Run(msgspec.Struct, frozen=True):
    """The topic, the consumer group to read it in, and after how many events to stop."""

    topic: Topic
    group: str
    event_count: int


class Agent(msgspec.Struct):
    """Events that the agent was given, and wall seconds from the first to the last of them."""

    event_count: int
    seconds: float


async def read(run: Run) -> Agent:
    """Start the app, count, and come back once `event_count` events have gone through the agent."""
    decode = msgspec.json.Decoder(Envelope).decode
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    app = faust.App(
        run.group,
        broker=f"kafka://{run.topic.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        loghandlers=[],
    )

    async def decode_each(stream: Any) -> None:
        count, started_at = 0, 0.0
        async for value in stream:
            if not count:
                started_at = time.perf_counter()
            count += 1
            try:
                decode(value)
            except (msgspec.MsgspecError, TypeError):
                continue
            finally:
                if count == run.event_count and not done.done():
                    done.set_result(time.perf_counter() - started_at)

    app.agent(app.topic(run.topic.name, value_serializer="raw", key_serializer="raw"), name="decode")(decode_each)
    app.finalize()
    await app.start()
    return Agent(run.event_count, await asyncio.wait_for(done, GIVE_UP_SECONDS))


async def main() -> None:
    """Answer, and end without Faust's orderly stop, which waits for all that it has buffered."""
    answer(await read(arguments_of(Run)))
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
