"""The bare loop, the reference rate: aiokafka's `getmany` and one typed decode per event. No state, no rows."""

import asyncio
import time

import msgspec

from benchmarks.support.processes import answer, arguments_of
from benchmarks.support.traffic import Topic, connected, fetches
from streams.events import Envelope


class Loop(msgspec.Struct):
    """Events read, events that failed to decode (the simulated bad ones), and wall and CPU seconds for all."""

    event_count: int
    undecodable_count: int
    seconds: float
    cpu_seconds: float


async def read(topic: Topic) -> Loop:
    """Read the topic once. The clock starts once connected, before anything is read."""
    decode = msgspec.json.Decoder(Envelope).decode
    undecodable = 0
    async with connected(topic) as consumer:
        started_at, started_cpu = time.perf_counter(), time.process_time()
        async for found in fetches(consumer, topic):
            for records in found.values():
                for record in records:
                    try:
                        decode(record.value)
                    except (msgspec.MsgspecError, TypeError):
                        undecodable += 1
        seconds, cpu = time.perf_counter() - started_at, time.process_time() - started_cpu
    return Loop(topic.event_count, undecodable, seconds, cpu)


if __name__ == "__main__":
    answer(asyncio.run(read(arguments_of(Topic))))
