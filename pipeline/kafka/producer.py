"""The producer of a worker: records that Kafka has acknowledged when `publish` returns."""

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

#: Of a record that we publish, before it is compressed. What it may have afterwards, the topic says.
PUBLISHED_BYTES = 256 << 20

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Publisher:
    """A producer for one event loop. Between `start` and `stop` it can publish."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaUnavailableError; then it may be tried again."""
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
            raise KafkaUnavailableError(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        self._producer = producer

    async def stop(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def put(self, topic: str, partition: int, value: bytes) -> None:
        """Send one record to a partition; returns when Kafka has acknowledged it.

        Raises KafkaUnavailableError when that may succeed later: it may have arrived nevertheless. Else PublishError.
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
        """Send (key, value, headers) to a topic; returns when Kafka has acknowledged all. Raises PublishError."""
        outcomes = await self._outcomes(topic, messages)
        self._raise_first(topic, messages, [one for one in outcomes if one is not None])

    async def publish_what_fits(self, topic: str, messages: Sequence[Message]) -> list[int]:
        """The same; the places of the messages that are too large for the topic or for any record come back."""
        outcomes = await self._outcomes(topic, messages)
        others = [one for one in outcomes if one is not None and not isinstance(one, TOO_LARGE)]
        self._raise_first(topic, messages, others)
        too_large = []
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, TOO_LARGE):
                # It may have been refused for those that it was sent together with.
                [alone] = await self._outcomes(topic, [messages[place]])
                if isinstance(alone, TOO_LARGE):
                    too_large.append(place)
                elif alone is not None:
                    self._raise_first(topic, messages, [alone])
        return too_large

    async def _outcomes(self, topic: str, messages: Sequence[Message]) -> list[KafkaError | None]:
        """Of each message what Kafka said against it, None where it has acknowledged it."""
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
            "See that the topic exists, that we may write to it, and that its max.message.bytes allows them; then "
            "start again"
        ) from errors[0]
