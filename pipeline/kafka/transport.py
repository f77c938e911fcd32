"""The Faust transport (on aiokafka): whole fetches as messages, seeks to the ledger's checkpoints, no acks.

Faust passes an agent one event at a time, through several tasks, locks and queues. Here one message is everything
that a fetch returned for one partition, so that cost is paid per batch. Faust's own commits, tables and recovery
stay unused: a partition's position comes from the ledger's checkpoint, and Kafka's committed offset only informs
observers of consumer groups.
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
#: Kafka's placeholder timestamp for the end of a log.
LATEST = -1


class Batch(NamedTuple):
    """The records of one fetch of one partition, in log order, and the number of the seek that they follow.

    The fetch covered the offsets `[start, end)`, possibly with holes. `start` is -1 if unknown, because there was no
    seek since the partition was assigned.
    """

    seek_number: int
    start: int
    end: int
    records: Sequence[Any]


class Handler(Protocol):
    """The callbacks of the transport, all from one event loop. An exception from any of them ends the process."""

    async def assigned(self, partitions: set[int], generation: int) -> None:
        """Restore the assigned partitions. Awaited before the first fetch; a newer generation may come meanwhile."""

    async def revoked(self, partitions: set[int]) -> None:
        """Give up revoked partitions, flushing them within a third of the session."""

    def position(self, partition: int) -> int | None:
        """Return the next offset to read; None for a partition that is not restored, which stays paused."""

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        """Process records in log order. A first offset below the position is an overlap. Waiting is back pressure."""

    def failed(self, error: BaseException) -> None:
        """Handle an exception from `batch`, `assigned` or `revoked`. Must end the process."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Numbers the seeks, to distinguish batches fetched before and after the last seek of their partition.

    Also records which offsets each fetch covered, because around a rebalance one is occasionally lost in Faust.
    Fetches and seeks run in this thread's loop, and neither awaits between reading these fields and its work.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seek_numbers: dict[TP, int] = {}
        # The assignment, and the start of the next fetch in it.
        self._positions: dict[TP, tuple[Any, int]] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        fetching.install()
        consumer = super()._create_worker_consumer(transport)
        # Faust sets this only in its own exactly-once mode, which is not used here.
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
        """Return where the last fetch of a partition ended; 0 before the first. Thread-safe."""
        return self._positions.get(tp, (None, 0))[1]

    def reading_from(self, tp: TP) -> int:
        """Return where the next fetch of a partition begins; 0 before that is known. Thread-safe."""
        state = self._state(tp)
        return state.position if state is not None and state.has_valid_position else 0

    async def update_end_offsets(self) -> None:
        """Ask for the ends of the assigned logs, because fetches pause while the buffers are full.

        Runs in this thread's loop. Raises KafkaError.
        """
        wanted = dict.fromkeys(self._consumer.assignment(), LATEST)
        fetcher = copy(self._consumer._fetcher)
        # With read_committed, the log would seem to end where the oldest open transaction begins.
        fetcher._isolation_level = READ_UNCOMMITTED
        for tp, (end, _) in (await fetcher._proc_offset_requests(wanted)).items():
            state = self._state(tp)
            if state is not None:
                # The embedded broker reports a lower end here than in a fetch.
                state.highwater = max(state.highwater or 0, end)

    def is_held(self, tp: TP) -> bool:
        """Return whether the next record belongs to an open transaction or lies behind one."""
        state = self._state(tp)
        if state is None or not state.has_valid_position or state.highwater is None or state.lso is None:
            return False
        return bool(0 <= state.lso <= state.position < state.highwater)

    def end_offset(self, tp: TP) -> int | None:
        """Return the last known end of the log; None before the first fetch or if not assigned. Thread-safe."""
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
            # While all partitions are paused, Faust would sleep for a whole second.
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
                # The partition was paused during the fetch: read it again later.
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
        """Seek restored partitions to their positions and pause the rest. Faust also calls this before a restore."""
        handler: Handler = self.app.handler
        positions = {tp: handler.position(tp.partition) for tp in self.assignment()}
        unknown = {tp for tp, offset in positions.items() if offset is None}
        self.pause_partitions(unknown)
        restored = {tp: offset for tp, offset in positions.items() if offset is not None}
        if restored:
            await self.seek_wait(restored)

    async def commit(self, *arguments: Any, **options: Any) -> bool:
        """Do nothing, in place of Faust's own commits."""
        return False


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer


class BatchSchema(faust.Schema):
    """A schema that passes a batch through undecoded."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:
        return message.value
