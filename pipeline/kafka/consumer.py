"""A consumer group member built on Faust: joins, delivers batches in order and without gaps, seeks, commits."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import faust
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from pipeline.errors import KafkaUnavailableError
from pipeline.kafka.fetching import TolerantRecords
from pipeline.kafka.transport import FETCHED_BYTES, FETCHED_RECORDS, Batch, BatchSchema, BatchTransport, Handler
from pipeline.retry import retry

logger = logging.getLogger(__name__)

BUFFERED_BATCHES = 8
LONGEST_PAUSE_SECONDS = 7 * 86_400.0
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 5.0
#: A Kafka that has just started may briefly deny that the topic exists. A group whose leader gets that answer assigns
#: nothing until its next metadata request, by default five minutes later.
METADATA_SECONDS = 5.0


class GroupConsumer:
    """A member of one consumer group on one topic, from `start` to `stop`. Passes what it reads to a handler."""

    def __init__(self, group: str, bootstrap: str, topic: str, session_seconds: float, handler: Handler) -> None:
        self.topic = topic
        self._handler = handler
        self._bootstrap = bootstrap
        self._group = group
        self._session_seconds = session_seconds
        # Per partition: the position after its last batch, and where the fetch of that batch ended.
        self._reached: dict[int, tuple[int, int]] = {}
        self._is_busy = False
        self._watch: asyncio.Task[None] | None = None
        self._app: Any = None

    async def start(self) -> None:
        """Connect, join the group and begin to read. Waits while Kafka does not answer."""
        await retry("start", self._start)

    async def _start(self) -> None:
        app = self._new_app()
        app.finalize()
        try:
            await app.start()
        except KafkaConnectionError as error:
            await app.stop()
            raise KafkaUnavailableError(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        self._watch = asyncio.create_task(self._guarded(self._detect_lost_fetches))

    def _new_app(self) -> Any:
        """Return a new Faust app. One that failed to connect cannot be started again."""
        session_seconds = self._session_seconds
        app = faust.App(
            self._group,
            broker=";".join(f"kafka://{server}" for server in self._bootstrap.split(",")),
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
            # Nothing is fetched while ClickHouse does not answer, for however long; the member must stay in the group.
            broker_max_poll_interval=LONGEST_PAUSE_SECONDS,
            broker_request_timeout=max(90.0, 3 * session_seconds),
            broker_commit_interval=3600.0,
            consumer_max_fetch_size=FETCHED_BYTES,
            consumer_metadata_max_age_ms=int(1000 * METADATA_SECONDS),
            consumer_auto_offset_reset="earliest",
            loghandlers=[],
        )
        # Nothing is stored on disk, so do not create directories where the worker was started.
        app._create_directories = lambda: None
        app.handler = self._handler
        app.transport = BatchTransport(app.conf.broker, app, app.loop)
        app.on_rebalance_complete.connect(self._assigned, weak=False)
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        source = app.topic(self.topic, schema=BatchSchema(), acks=False)
        app.agent(source, name="fold")(self._consume)
        # Before the start, because the callbacks of the first assignment use it.
        self._app = app
        return app

    async def stop(self) -> None:
        """Leave the group and disconnect."""
        if self._watch is not None:
            self._watch.cancel()
        if self._app is not None:
            await self._app.stop()

    def crash_reason(self) -> BaseException | None:
        """Return the exception that crashed Faust; None while it works. A crashed app would run on without reading."""
        return self._app.crash_reason if self._app is not None and self._app.crashed else None

    async def seek(self, partition: int) -> None:
        """Read a partition again from the handler's position. Batches fetched before are dropped."""
        tp = TP(self.topic, partition)
        consumer = self._app.consumer
        offset = self._handler.position(partition)
        if tp in consumer.assignment() and offset is not None:
            await consumer.seek_wait({tp: offset})

    def set_aside(self, partition: int, offsets: Collection[int]) -> None:
        """Skip damaged batches that contain one of these offsets. Readable records at them still reach the handler."""
        TolerantRecords.skipped[self.topic, partition] = offsets

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit offsets for observers only. Nothing reads them back, so failures are logged and ignored."""
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
            logger.debug("the commit of %s failed: %s", offsets, error)

    def end_offset(self, partition: int) -> int:
        """Return the last known end of the log; 0 before the first fetch or if the partition is not assigned."""
        return self._app.consumer._thread.end_offset(TP(self.topic, partition)) or 0

    async def update_end_offsets(self) -> None:
        """Ask Kafka for the ends of the logs, for `end_offset` and `is_at_end`. Failures are logged and ignored."""
        thread = self._app.consumer._thread
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await thread.call_thread(thread.update_end_offsets)
        except (KafkaError, RuntimeError, TimeoutError) as error:
            logger.debug("%s: cannot read the ends of the logs: %r", self.topic, error)

    def is_held(self, partition: int) -> bool:
        """Return whether the next record belongs to an open transaction or lies behind one."""
        return bool(self._app.consumer._thread.is_held(TP(self.topic, partition)))

    def is_at_end(self, partition: int) -> bool:
        """Return whether the handler has processed the log up to its last known end."""
        tp = TP(self.topic, partition)
        thread = self._app.consumer._thread
        position, end = self._handler.position(partition), thread.end_offset(tp)
        if position is None or end is None:
            return False
        return bool(thread.reading_from(tp) >= end and self._expected(partition, position) >= thread.fetched(tp))

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
            if batch.seek_number != thread.seek_numbers.get(tp, 0) or not await self._follows(tp.partition, batch):
                continue
            end_offset = self.end_offset(tp.partition)
            self._is_busy = True
            try:
                await self._guarded(lambda: self._handler.batch(tp.partition, batch.records, end_offset))  # noqa: B023
            finally:
                self._is_busy = False

    async def _follows(self, partition: int, batch: Batch) -> bool:
        """Return whether a batch continues at the handler's position. If one was lost before it, read again."""
        position = self._handler.position(partition)
        if position is None:
            return False
        expected = self._expected(partition, position)
        if 0 <= batch.start <= expected:
            self._reached[partition] = (max(position, batch.records[-1].offset + 1), batch.end)
            return True
        await self._read_again(partition, expected, batch.start)
        return False

    def _expected(self, partition: int, position: int) -> int:
        """Return the highest offset at which the next fetch may begin: a hole may follow the last record."""
        at, reached = self._reached.get(partition, (position, position))
        return max(position, reached) if at == position else position

    async def _detect_lost_fetches(self) -> None:
        """Read again where the last fetch was lost. Without a later batch, `_follows` would never notice."""
        seen: dict[int, tuple[int, int]] = {}
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            before, seen = seen, {}
            if self._is_busy or self._app.consumer is None:
                continue
            thread = self._app.consumer._thread
            for tp in self._app.consumer.assignment():
                position, fetched = self._handler.position(tp.partition), thread.fetched(tp)
                if position is not None and fetched > (expected := self._expected(tp.partition, position)):
                    seen[tp.partition] = (expected, fetched)
            for partition in [number for number in seen if before.get(number) == seen[number]]:
                await self._read_again(partition, *seen[partition])

    async def _read_again(self, partition: int, expected: int, start: int) -> None:
        logger.warning(
            "%s[%d]: expected a fetch from %d on, the next one begins at %d; reading again",
            self.topic,
            partition,
            expected,
            start,
        )
        await self.seek(partition)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Report an exception to the handler, which ends the process. Faust would go on after the failed batch."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._handler.failed(error)
            raise
