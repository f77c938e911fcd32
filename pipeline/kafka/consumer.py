"""A consumer group's member on Faust: joins, hands batches on in order and without gaps, seeks, commits."""

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
#: A Kafka that has just been started says for a moment that there is no such topic, and a group whose leader hears that
#: gives nothing to anybody until it asks again: by default after five minutes.
METADATA_SECONDS = 5.0


class GroupConsumer:
    """A member of one consumer group over one topic, from `start` to `stop`. Gives a handler what it reads."""

    def __init__(self, group: str, bootstrap: str, topic: str, session_seconds: float, handler: Handler) -> None:
        self.topic = topic
        self._handler = handler
        self._bootstrap = bootstrap
        self._group = group
        self._session_seconds = session_seconds
        # Per partition the position behind its last batch, and where the fetch that brought it ended.
        self._reached: dict[int, tuple[int, int]] = {}
        self._is_busy = False
        self._watch: asyncio.Task[None] | None = None
        self._app: Any = None

    async def start(self) -> None:
        """Connect, join the group, begin to read. Waits for a Kafka that does not answer."""
        await retry("start", self._start)

    async def _start(self) -> None:
        app = self._new_app()
        app.finalize()
        try:
            await app.start()
        except KafkaConnectionError as error:
            await app.stop()
            raise KafkaUnavailableError(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        self._watch = asyncio.create_task(self._guarded(self._look_for_losses))

    def _new_app(self) -> Any:
        """Make the Faust app; one that could not connect is not started again."""
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
            # While ClickHouse is away nothing is fetched for as long as that takes; that is no reason to leave.
            broker_max_poll_interval=LONGEST_PAUSE_SECONDS,
            broker_request_timeout=max(90.0, 3 * session_seconds),
            broker_commit_interval=3600.0,
            consumer_max_fetch_size=FETCHED_BYTES,
            consumer_metadata_max_age_ms=int(1000 * METADATA_SECONDS),
            consumer_auto_offset_reset="earliest",
            loghandlers=[],
        )
        # Nothing of ours is on disk: no directory in whatever place the worker was started.
        app._create_directories = lambda: None
        app.handler = self._handler
        app.transport = BatchTransport(app.conf.broker, app, app.loop)
        app.on_rebalance_complete.connect(self._assigned, weak=False)
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        source = app.topic(self.topic, schema=BatchSchema(), acks=False)
        app.agent(source, name="fold")(self._consume)
        # Before it is started: the callbacks of the first assignment ask for it.
        self._app = app
        return app

    async def stop(self) -> None:
        """Leave the group and disconnect."""
        if self._watch is not None:
            self._watch.cancel()
        if self._app is not None:
            await self._app.stop()

    def crash_reason(self) -> BaseException | None:
        """Why Faust has given up, None while it works: it would go on with nothing to read."""
        return self._app.crash_reason if self._app is not None and self._app.crashed else None

    async def seek(self, partition: int) -> None:
        """Read a partition again from the handler's position; batches fetched before do not arrive any more."""
        tp = TP(self.topic, partition)
        consumer = self._app.consumer
        offset = self._handler.position(partition)
        if tp in consumer.assignment() and offset is not None:
            await consumer.seek_wait({tp: offset})

    def set_aside(self, partition: int, offsets: Collection[int]) -> None:
        """Pass over damaged batches that hold one of these offsets; what else is at them is for the handler to say."""
        TolerantRecords.skipped[self.topic, partition] = offsets

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
        """The log's end as far as we know, 0 before the first fetch and when others have the partition."""
        return self._app.consumer._thread.end_offset(TP(self.topic, partition)) or 0

    async def look_at_ends(self) -> None:
        """Ask Kafka where the logs end now, for `end_offset` and `is_at_end`. Errors are left to the next time."""
        thread = self._app.consumer._thread
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await thread.call_thread(thread.look_at_ends)
        except (KafkaError, RuntimeError, TimeoutError) as error:
            logger.debug("%s: where the logs end is not known this time: %r", self.topic, error)

    def is_held(self, partition: int) -> bool:
        """Whether what comes next belongs to a transaction that is open, or lies behind one."""
        return bool(self._app.consumer._thread.is_held(TP(self.topic, partition)))

    def is_at_end(self, partition: int) -> bool:
        """Whether everything in the log, as far as we know of it, was handed on and taken."""
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
        """Whether a batch goes on where the handler stands. If one before it got lost, all is read again from there."""
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
        """Where the next fetch has to begin at the latest: behind the last record there may have been a hole."""
        at, reached = self._reached.get(partition, (position, position))
        return max(position, reached) if at == position else position

    async def _look_for_losses(self) -> None:
        """Where nothing else comes, nobody would notice that the last fetch got lost."""
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
            for partition in [one for one in seen if before.get(one) == seen[one]]:
                await self._read_again(partition, *seen[partition])

    async def _read_again(self, partition: int, expected: int, found: int) -> None:
        logger.warning(
            "%s[%d]: expected a fetch from %d on, the next one begins at %d; reading again",
            self.topic,
            partition,
            expected,
            found,
        )
        await self.seek(partition)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Faust would start the agent again behind the batch that failed; we must not go on."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._handler.failed(error)
            raise
