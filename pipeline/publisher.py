"""The producer of a worker: records that Kafka has acknowledged when `publish` returns."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from pipeline.broker import BrokerAwayError

#: Of a record that we publish, before it is compressed. What it may have afterwards, the topic says.
PUBLISHED_BYTES = 256 << 20

Message = tuple[bytes | None, bytes | None, Sequence[Any]]


class PublishError(Exception):
    """Kafka does not take a record that must not get lost. The message says what to do."""


class Publisher:
    """A producer for one event loop. Between `start` and `stop` it can publish."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises BrokerAwayError; then it may be tried again."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=False,
            linger_ms=5,
            # What was rejected for its size came compressed, and must not be larger when it goes.
            # zstd, as it takes a third of the time of lz4 at the level that aiokafka uses, and makes less of it.
            compression_type="zstd",
            max_request_size=PUBLISHED_BYTES,
        )
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise BrokerAwayError(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        self._producer = producer

    async def stop(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def put(self, topic: str, partition: int, value: bytes) -> None:
        """Send one record to a partition; returns when Kafka has acknowledged it.

        Raises BrokerAwayError when that may succeed later: it may have arrived nevertheless. Else PublishError.
        """
        assert self._producer is not None
        try:
            await self._producer.send_and_wait(topic, value, partition=partition)
        except KafkaError as error:
            failure = BrokerAwayError if error.retriable or isinstance(error, KafkaTimeoutError) else PublishError
            raise failure(
                f"Kafka at {self._bootstrap} does not take a record of {len(value)} bytes for {topic}[{partition}]: "
                f"{error!r}"
            ) from error

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Send (key, value, headers) to a topic; returns when Kafka has acknowledged all. Raises PublishError."""
        assert self._producer is not None
        send = self._producer.send
        try:
            sent = [await send(topic, key=key, value=value, headers=headers) for key, value, headers in messages]
            await asyncio.gather(*sent)
        except KafkaError as error:
            largest = max(len(value or b"") for _, value, _ in messages)
            raise PublishError(
                f"Kafka at {self._bootstrap} does not take {len(messages)} records for {topic} (the largest has "
                f"{largest} bytes): {error!r}. Nothing is lost: they are read again from where they came. See that the "
                "topic exists, that we may write to it, and that its max.message.bytes allows them; then start again"
            ) from error
