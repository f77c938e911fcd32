"""How Faust (and the aiokafka it drives) reads for us: whole fetches as messages, seeks to our checkpoints, no acks.

Faust hands an agent one event at a time, through several tasks, locks and queues. Here one message is everything
that a fetch brought for one partition, so that cost is paid per batch. Faust's own commits, tables and recovery
stay unused: the position of a partition is what the ledger's checkpoint says, and Kafka's committed offset is a
courtesy to people who watch consumer groups.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple, Protocol

import faust
from aiokafka.consumer.fetcher import READ_UNCOMMITTED
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from pipeline.kafka import fetching

FETCHED_RECORDS = 20_000
FETCHED_BYTES = 4 << 20
IDLE_SECONDS = 0.02
#: Kafka's number for the end of a log, in the place of a timestamp.
LATEST = -1


class Batch(NamedTuple):
    """The records of one fetch of one partition, in log order, and the number of the seek that they follow.

    The fetch covered the offsets [start, end): without records in it where the log has holes. `start` is -1 when nobody
    knows, because the partition was not sought since it was assigned.
    """

    seek_number: int
    start: int
    end: int
    records: Sequence[Any]


class Handler(Protocol):
    """What the transport runs. All calls come from one event loop; an exception out of any ends the process."""

    async def assigned(self, partitions: set[int], generation: int) -> None:
        """Partitions are ours: restore them. Awaited before the first fetch; a newer generation may overtake."""

    async def revoked(self, partitions: set[int]) -> None:
        """Partitions go to others: flush what can be flushed within a third of the session, and forget them."""

    def position(self, partition: int) -> int | None:
        """The offset to read on from; None for a partition that is not restored, which stays paused."""

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        """Records in log order. A first offset below the expected one is an overlap. Waiting is back-pressure."""

    def failed(self, error: BaseException) -> None:
        """An exception came out of `batch`, `assigned` or `revoked`. Must not return to normal work."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Numbers the seeks: what was fetched before the last seek of its partition is told apart from what came after.

    Also says which offsets each fetch covered: around a rebalance one gets lost at times on its way to us.
    Fetches and seeks run in this thread's loop, and neither awaits between looking at these and its work.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seek_numbers: dict[TP, int] = {}
        # Where the next fetch begins, in which assignment.
        self._positions: dict[TP, tuple[Any, int]] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        fetching.install()
        consumer = super()._create_worker_consumer(transport)
        # Faust reads committed records only in its own exactly-once mode, which we do not use.
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_bytes = 2 * FETCHED_BYTES
        consumer._fetch_max_wait_ms = 100
        return consumer

    async def _fetch_records(self, *arguments: Any, **options: Any) -> dict[TP, Batch]:
        records = await super()._fetch_records(*arguments, **options)
        return {tp: self._batch(tp, fetched) for tp, fetched in records.items()}

    def _batch(self, tp: TP, records: Sequence[Any]) -> Batch:
        assignment = self._assignment()
        known_in, start = self._positions.get(tp, (None, -1))
        end = assignment.state_value(tp).position
        self._positions[tp] = (assignment, end)
        return Batch(self.seek_numbers.get(tp, 0), start if known_in is assignment else -1, end, records)

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        assignment = self._assignment()
        for tp, offset in partitions.items():
            self.seek_numbers[tp] = self.seek_numbers.get(tp, 0) + 1
            self._positions[tp] = (assignment, offset)
        await super()._seek_wait(consumer, partitions)

    def fetched(self, tp: TP) -> int:
        """Where the last fetch of a partition ended, 0 before the first. From any thread."""
        return self._positions.get(tp, (None, 0))[1]

    def reading_from(self, tp: TP) -> int:
        """Where the next fetch of a partition begins, 0 before that is known. From any thread."""
        state = self._state(tp)
        return state.position if state is not None and state.has_valid_position else 0

    async def look_at_ends(self) -> None:
        """Ask where the logs of our partitions end: a fetch tells only while there is room for what it brings.

        Raises KafkaError. In this thread's loop.
        """
        wanted = dict.fromkeys(self._consumer.assignment(), LATEST)
        fetcher = copy(self._consumer._fetcher)
        # For a reader of committed records the log would end where the oldest open transaction begins.
        fetcher._isolation_level = READ_UNCOMMITTED
        for tp, (end, _) in (await fetcher._proc_offset_requests(wanted)).items():
            state = self._state(tp)
            if state is not None:
                # The embedded broker says less here than in a fetch.
                state.highwater = max(state.highwater or 0, end)

    def is_held(self, tp: TP) -> bool:
        """Whether what comes next in a log belongs to a transaction that is open, or lies behind one."""
        state = self._state(tp)
        if state is None or not state.has_valid_position or state.highwater is None or state.lso is None:
            return False
        return bool(0 <= state.lso <= state.position < state.highwater)

    def end_offset(self, tp: TP) -> int | None:
        """The log's end as far as we know, None before the first fetch and when others have it. From any thread."""
        state = self._state(tp)
        return state.highwater if state is not None else None

    def _state(self, tp: TP) -> Any:
        assignment = self._assignment()
        return assignment.state_value(tp) if assignment else None

    def _assignment(self) -> Any:
        subscription = self._consumer._subscription.subscription
        return subscription.assignment if subscription else None


class BatchConsumer(driver.Consumer):
    """Yields one message per partition and fetch; seeks to the handler's positions."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        if self.flow_active and not self._get_active_partitions():
            # All partitions are paused. Faust would sleep for a whole second.
            await asyncio.sleep(IDLE_SECONDS)
            return
        batches, active = await self._wait_next_records(timeout)
        if batches is None or self.should_stop:
            return
        generation = self.app.consumer_generation_id
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, batch in batches.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                break
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                # Fetched for a partition that was paused meanwhile: read it again later.
                await self.perform_seek()
                break
            last = batch.records[-1]
            yield (
                tp,
                ConsumerMessage(
                    topic=tp.topic,
                    partition=tp.partition,
                    offset=last.offset,
                    timestamp=last.timestamp / 1000,
                    timestamp_type=last.timestamp_type,
                    headers=(),
                    key=None,
                    value=batch,
                    checksum=None,
                    serialized_key_size=0,
                    serialized_value_size=0,
                    tp=tp,
                    generation_id=generation,
                ),
            )

    async def perform_seek(self) -> None:
        """Seek what is restored to its position; pause what is not. Faust calls it before any restore, too."""
        handler: Handler = self.app.handler
        positions = {tp: handler.position(tp.partition) for tp in self.assignment()}
        unknown = {tp for tp, offset in positions.items() if offset is None}
        self.pause_partitions(unknown)
        restored = {tp: offset for tp, offset in positions.items() if offset is not None}
        if restored:
            await self.seek_wait(restored)

    async def commit(self, *arguments: Any, **options: Any) -> bool:
        """Faust's own commits: there are none."""
        return False


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer


class BatchSchema(faust.Schema):
    """Passes a batch through undecoded."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:
        return message.value
