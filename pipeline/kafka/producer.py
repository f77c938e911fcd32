"""The producer of a worker. When `publish` returns, Kafka has acknowledged the records."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from pipeline.contract.records import Message
from pipeline.errors import KafkaUnavailableError, PublishError

#: Maximum size of a record before compression. The topic limits it after compression.
PUBLISHED_BYTES = 256 << 20

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Publisher:
    """A producer for one event loop, usable between `start` and `stop`."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaUnavailableError; may then be called again."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=False,
            linger_ms=5,
            # Compressed, because a rejected record may have arrived compressed and must not grow. zstd takes a third
            # of the time of lz4 at the level that aiokafka uses, and compresses better.
            compression_type="zstd",
            max_request_size=PUBLISHED_BYTES,
        )
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise KafkaUnavailableError(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        self._producer = producer

    async def stop(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def put(self, topic: str, partition: int, value: bytes) -> None:
        """Send one record to a partition, acknowledged by Kafka.

        Raises KafkaUnavailableError if a retry may succeed (the record may have arrived nevertheless), else
        PublishError.
        """
        assert self._producer is not None
        try:
            await self._producer.send_and_wait(topic, value, partition=partition)
        except KafkaError as error:
            failure = KafkaUnavailableError if error.retriable or isinstance(error, KafkaTimeoutError) else PublishError
            raise failure(
                f"Kafka at {self._bootstrap} does not take a record of {len(value)} bytes for {topic}[{partition}]: "
                f"{error!r}"
            ) from error

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Send (key, value, headers) to a topic, all acknowledged by Kafka. Raises PublishError."""
        outcomes = await self._outcomes(topic, messages)
        self._raise_first(topic, messages, [error for error in outcomes if error is not None])

    async def publish_what_fits(self, topic: str, messages: Sequence[Message]) -> list[int]:
        """Publish like `publish`, except messages that are too large. Return the indexes of those."""
        outcomes = await self._outcomes(topic, messages)
        others = [error for error in outcomes if error is not None and not isinstance(error, TOO_LARGE)]
        self._raise_first(topic, messages, others)
        too_large = []
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, TOO_LARGE):
                # It may have been refused because of the messages in the same batch: try it alone.
                [alone] = await self._outcomes(topic, [messages[place]])
                if isinstance(alone, TOO_LARGE):
                    too_large.append(place)
                elif alone is not None:
                    self._raise_first(topic, messages, [alone])
        return too_large

    async def _outcomes(self, topic: str, messages: Sequence[Message]) -> list[KafkaError | None]:
        """Return Kafka's error for each message; None if it was acknowledged."""
        assert self._producer is not None
        send = self._producer.send
        outcomes: list[KafkaError | None] = [None] * len(messages)
        sent: dict[int, Any] = {}
        for place, (key, value, headers) in enumerate(messages):
            try:
                sent[place] = await send(topic, key=key, value=value, headers=headers)
            except KafkaError as error:
                outcomes[place] = error
        for place, outcome in zip(sent, await asyncio.gather(*sent.values(), return_exceptions=True), strict=True):
            if isinstance(outcome, KafkaError):
                outcomes[place] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
        return outcomes

    def _raise_first(self, topic: str, messages: Sequence[Message], errors: Sequence[KafkaError]) -> None:
        if not errors:
            return
        largest = max(len(value or b"") for _, value, _ in messages)
        raise PublishError(
            f"Kafka at {self._bootstrap} does not take {len(errors)} of {len(messages)} records for {topic} (the "
            f"largest has {largest} bytes): {errors[0]!r}. Nothing is lost: they are read again from where they came. "
            "Check that the topic exists, that this user may write to it, and that its max.message.bytes allows them; "
            "then start again"
        ) from errors[0]
