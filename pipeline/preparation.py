"""What a worker sees to before it joins its group: database and topics are there, and its rules may be used."""

from collections.abc import Callable
from functools import partial

from pipeline import configuration, migrations
from pipeline.broker import Broker
from pipeline.clickhouse import ClickHouse
from pipeline.configuration import Configuration
from pipeline.patience import patiently
from pipeline.presence import Presence
from pipeline.publisher import PUBLISHED_BYTES
from pipeline.settings import Settings
from streams.rules import RuleBook


class MissingMigrationsError(Exception):
    """The database is not up to date."""


async def prepare(
    settings: Settings, book: RuleBook, broker: Broker, door: ClickHouse, presence: Presence
) -> Configuration:
    """Look and create what is missing; wait for whoever does not answer. The configuration to work with comes back.

    Raises MissingMigrationsError, ConfigurationRefusedError, BrokerError.
    """
    missing = await patiently("start", lambda: migrations.pending(door))
    if missing:
        names = ", ".join(f"{migration.number:04} {migration.name}" for migration in missing)
        raise MissingMigrationsError(f"{door} lacks the migrations {names}; run: sichtflug migrate")
    count, replication = settings.kafka_partitions, settings.kafka_replication
    ensure: Callable[..., int] = partial(broker.ensure_topic, partitions=count, replication=replication)
    await patiently("start", lambda: ensure(settings.kafka_topic))
    # Whatever size the events' topic lets in has to go into this one, too.
    largest = {"max.message.bytes": str(PUBLISHED_BYTES)}
    await patiently("start", lambda: ensure(settings.dead_letter_topic, configuration=largest))
    return await patiently("start", lambda: configuration.adopt(door, presence, settings.kafka_topic, book))
