"""What a worker sees to before it joins its group: database and topics are there, and its rules may be used."""

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

#: Heartbeats: the last one of each partition stays, the others soon go.
COMPACTED = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}


async def prepare(
    settings: Settings, rules: Rules, broker: KafkaAdmin, client: ClickHouse, worker_registry: WorkerRegistry
) -> Prepared:
    """Create what is missing, adopt the rules; wait for whoever does not answer.

    Raises MissingMigrationsError, RulesRefusedError, BrokerError.
    """
    missing = await retry_in_thread("start", migrations.pending, client)
    if missing:
        names = ", ".join(map(str, missing))
        raise MissingMigrationsError(f"{client} lacks the migrations {names}; run: sichtflug migrate")
    count, replication = settings.kafka_partitions, settings.kafka_replication
    ensure: Callable[..., int] = partial(broker.ensure_topic, partitions=count, replication=replication)
    found = await retry_in_thread("start", ensure, settings.kafka_topic)
    # Whatever size the events' topic lets in has to go into this one, too.
    largest = {"max.message.bytes": str(PUBLISHED_BYTES)}
    others: Sequence[Callable[[], int]] = (
        lambda: ensure(settings.dead_letter_topic, configuration=largest),
        lambda: ensure(settings.kafka_alerts_topic),
        lambda: broker.ensure_topic(settings.kafka_panes_topic, 1, replication, COMPACTED),
        # A customer's facts spread like the conversations do, if the topic has to be created.
        lambda: broker.ensure_topic(settings.contacts_topic, found, replication),
    )
    *_, panes_count, fact_count = await asyncio.gather(*(retry_in_thread("start", ensured) for ensured in others))
    verify_single(settings, panes_count)
    await retry_in_thread("start", RollingStore(client, settings.kafka_topic).begin)
    adopted = await retry_in_thread("start", configuration.adopt, client, worker_registry, settings.kafka_topic, rules)
    return Prepared(adopted, fact_count)


def verify_single(settings: Settings, partition_count: int) -> None:
    """Whoever has the topic of heartbeats must hear of all partitions. Raises BrokerError."""
    if partition_count != 1:
        raise BrokerError(
            f"Kafka at {settings.kafka_bootstrap}: expected 1 partition of the topic {settings.kafka_panes_topic}, "
            f"it has {partition_count}; name another topic by SICHTFLUG_KAFKA_PANES_TOPIC"
        )
