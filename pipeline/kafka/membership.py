"""Membership of a consumer group: what every stage does to join one and to notice that it is lost."""

from pipeline.errors import KafkaUnavailableError
from pipeline.kafka.consumer import Stage
from pipeline.kafka.transport import Handler
from pipeline.retry import retry
from pipeline.settings import Settings


class Member(Handler):
    """A handler in the group `group` over `topic`."""

    def __init__(self, settings: Settings, group: str, topic: str) -> None:
        self._settings = settings
        self._group = group
        self._topic = topic
        self._stage = self._new_stage()

    async def join(self) -> None:
        """Become a member of the group; wait for a Kafka that went away since we looked."""
        await retry("start", self._start_stage)

    def crash_reason(self) -> BaseException | None:
        """Why Faust has given up, None while it works."""
        return self._stage.crash_reason()

    async def _start_stage(self) -> None:
        try:
            await self._stage.start()
        except KafkaUnavailableError:
            self._stage = self._new_stage()
            raise

    def _new_stage(self) -> Stage:
        settings = self._settings
        return Stage(self._group, settings.kafka_bootstrap, self._topic, settings.kafka_session_seconds, self)
