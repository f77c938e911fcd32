"""Preparation of a worker before it joins its group: check the database, create topics, adopt the rules."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import BrokerError, MissingMigrationsError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.producer import PUBLISHED_BYTES
from pipeline.ledger import rules_version as configuration
from pipeline.ledger.workers import WorkerRegistry
from pipeline.retry import retry_in_thread
from pipeline.settings import Settings
from pipeline.stages.prepared import Prepared
from pipeline.stages.rolling.store import RollingStore
from streams.rules import Rules

#: Of progress messages, only the last one of each partition is kept for long.
COMPACTED = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}


async def prepare(
    settings: Settings, rules: Rules, broker: KafkaAdmin, client: ClickHouse, worker_registry: WorkerRegistry
) -> Prepared:
    """Create missing topics and adopt the rules. Waits while Kafka or ClickHouse does not answer.

    Raises MissingMigrationsError, RulesRefusedError and BrokerError.
    """
    missing = await retry_in_thread("start", migrations.pending, client)
    if missing:
        names = ", ".join(map(str, missing))
        raise MissingMigrationsError(f"{client} lacks the migrations {names}; run: sichtflug migrate")
    count, replication = settings.kafka_partitions, settings.kafka_replication
    ensure: Callable[..., int] = partial(broker.ensure_topic, partitions=count, replication=replication)
    partition_count = await retry_in_thread("start", ensure, settings.kafka_topic)
    # A dead letter must fit whatever size the events' topic allows.
    largest = {"max.message.bytes": str(PUBLISHED_BYTES)}
    others: Sequence[Callable[[], int]] = (
        lambda: ensure(settings.dead_letter_topic, configuration=largest),
        lambda: ensure(settings.kafka_alerts_topic),
        lambda: broker.ensure_topic(settings.kafka_panes_topic, 1, replication, COMPACTED),
        # As many partitions as the events' topic, if it must be created: the load is distributed alike.
        lambda: broker.ensure_topic(settings.customer_facts_topic, partition_count, replication),
    )
    *_, panes_count, fact_count = await asyncio.gather(*(retry_in_thread("start", ensured) for ensured in others))
    verify_single(settings, panes_count)
    await retry_in_thread("start", RollingStore(client, settings.kafka_topic).begin)
    adopted = await retry_in_thread("start", configuration.adopt, client, worker_registry, settings.kafka_topic, rules)
    return Prepared(adopted, fact_count)


def verify_single(settings: Settings, partition_count: int) -> None:
    """Raise BrokerError unless the progress topic has exactly one partition: its reader needs every message."""
    if partition_count != 1:
        raise BrokerError(
            f"Kafka at {settings.kafka_bootstrap}: expected 1 partition of the topic {settings.kafka_panes_topic}, "
            f"it has {partition_count}; name another topic by SICHTFLUG_KAFKA_PANES_TOPIC"
        )
