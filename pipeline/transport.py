"""The door to Faust (and the aiokafka it drives): whole fetches as messages, seeks to our checkpoints, no acks.

Faust hands an agent one event at a time, through several tasks, locks and queues. Here one message is everything
that a fetch brought for one partition, so that cost is paid per batch. Faust's own commits, tables and recovery
stay unused: the position of a partition is what the ledger's checkpoint says, and Kafka's committed offset is a
courtesy to people who watch consumer groups.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import faust
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from pipeline.broker import BrokerAwayError

logger = logging.getLogger(__name__)

FETCHED_RECORDS = 20_000
FETCHED_BYTES = 4 << 20
BUFFERED_BATCHES = 8
IDLE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 7 * 86_400.0


class Batch(NamedTuple):
    """The records of one fetch of one partition, in log order, and the number of the seek that they follow."""

    seek_number: int
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


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Numbers the seeks: what was fetched before the last seek of its partition is told apart from what came after.

    Fetches and seeks run in this thread's loop, and neither awaits between looking at the number and its work.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seek_numbers: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust reads committed records only in its own exactly-once mode, which we do not use.
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_bytes = 2 * FETCHED_BYTES
        consumer._fetch_max_wait_ms = 100
        return consumer

    async def _fetch_records(self, *arguments: Any, **options: Any) -> dict[TP, Batch]:
        records = await super()._fetch_records(*arguments, **options)
        return {tp: Batch(self.seek_numbers.get(tp, 0), fetched) for tp, fetched in records.items()}

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        for tp in partitions:
            self.seek_numbers[tp] = self.seek_numbers.get(tp, 0) + 1
        await super()._seek_wait(consumer, partitions)


class _Consumer(driver.Consumer):
    """Yields one message per partition and fetch; seeks to the handler's positions."""

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

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


class _Transport(driver.Transport):
    Consumer = _Consumer


class _BatchSchema(faust.Schema):
    """Passes a batch through undecoded."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:
        return message.value


class Stage:
    """One Faust app in one consumer group over one topic. `start` returns once it is a member of the group."""

    def __init__(self, group: str, bootstrap: str, topic: str, session_seconds: float, handler: Handler) -> None:
        self.topic = topic
        self._handler = handler
        self._bootstrap = bootstrap
        app = faust.App(
            group,
            broker=";".join(f"kafka://{server}" for server in bootstrap.split(",")),
            store="memory://",
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            stream_buffer_maxsize=BUFFERED_BATCHES,
            stream_recovery_delay=0.0,
            broker_max_poll_records=FETCHED_RECORDS,
            broker_session_timeout=session_seconds,
            broker_heartbeat_interval=session_seconds / 6,
            broker_rebalance_timeout=max(60.0, 2 * session_seconds),
            # While ClickHouse is away nothing is fetched for as long as that takes; that is no reason to leave.
            broker_max_poll_interval=LONGEST_PAUSE_SECONDS,
            broker_request_timeout=max(90.0, 3 * session_seconds),
            broker_commit_interval=3600.0,
            consumer_max_fetch_size=FETCHED_BYTES,
            consumer_auto_offset_reset="earliest",
            loghandlers=[],
        )
        app.handler = handler
        app.transport = _Transport(app.conf.broker, app, app.loop)
        app.on_rebalance_complete.connect(self._assigned, weak=False)
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        source = app.topic(topic, schema=_BatchSchema(), acks=False)
        app.agent(source, name="fold")(self._consume)
        self._app = app

    async def start(self) -> None:
        """Connect, join the group, begin to read. Raises BrokerAwayError; then another Stage may be tried."""
        self._app.finalize()
        try:
            await self._app.start()
        except KafkaConnectionError as error:
            await self._app.stop()
            raise BrokerAwayError(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error

    async def stop(self) -> None:
        """Leave the group and disconnect."""
        await self._app.stop()

    def crash_reason(self) -> BaseException | None:
        """Why Faust has given up, None while it works: it would go on with nothing to read."""
        return self._app.crash_reason if self._app.crashed else None

    async def seek(self, partition: int) -> None:
        """Read a partition again from the handler's position; batches fetched before do not arrive any more."""
        tp = TP(self.topic, partition)
        consumer = self._app.consumer
        offset = self._handler.position(partition)
        if tp in consumer.assignment() and offset is not None:
            await consumer.seek_wait({tp: offset})

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Tell Kafka how far we are. A courtesy: nothing reads it back, so errors are left to the next time."""
        thread = self._app.consumer._thread
        committed = {
            TopicPartition(self.topic, partition): OffsetAndMetadata(offset, "")
            for partition, offset in offsets.items()
        }

        async def commit() -> None:
            consumer = thread._consumer
            owned = {tp: offset for tp, offset in committed.items() if tp in consumer.assignment()}
            if owned:
                await consumer.commit(owned)

        try:
            await thread.call_thread(commit)
        except (KafkaError, RuntimeError) as error:
            logger.debug("the courtesy commit of %s failed: %s", offsets, error)

    def end_offset(self, partition: int) -> int:
        """The log's end as of the last fetch, 0 before the first."""
        return self._app.consumer.highwater(TP(self.topic, partition)) or 0

    async def _assigned(self, app: Any, **options: Any) -> None:
        await self._guarded(self._restore)

    async def _restore(self) -> None:
        partitions = {tp.partition for tp in self._app.consumer.assignment() if tp.topic == self.topic}
        await self._handler.assigned(partitions, self._app.consumer_generation_id)

    async def _revoked(self, app: Any, revoked: set[TP], **options: Any) -> None:
        await self._guarded(lambda: self._handler.revoked({tp.partition for tp in revoked}))

    async def _consume(self, stream: Any) -> None:
        thread = self._app.consumer._thread
        async for event in stream.noack().events():
            batch: Batch = event.value
            tp = event.message.tp
            if batch.seek_number != thread.seek_numbers.get(tp, 0):
                continue
            end_offset = self.end_offset(tp.partition)
            await self._guarded(lambda: self._handler.batch(tp.partition, batch.records, end_offset))  # noqa: B023

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Faust would start the agent again behind the batch that failed; we must not go on."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._handler.failed(error)
            raise
