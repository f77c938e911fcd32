"""`sichtflug check`: verify the configuration and the connections, and say how to fix problems."""

from collections.abc import Callable

from rich.console import Console

from pipeline.clickhouse import migrations, schema
from pipeline.clickhouse.client import ClickHouse, connect
from pipeline.clickhouse.sql_files import available
from pipeline.errors import ClickHouseRejectedError, SichtflugError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.timestamps import producers_clock
from pipeline.ledger.checkpoints import of_partition, read_checkpoint
from pipeline.ledger.epochs import verify
from pipeline.ledger.rules_version import newest
from pipeline.settings import Settings
from pipeline.startup import verify_single

#: Short, because a person is waiting.
ANSWER_SECONDS = 10.0


def check(settings: Settings, console: Console) -> bool:
    """Print one line per check. Return whether a worker could start."""
    with connect(settings) as client:
        broker = KafkaAdmin(settings.kafka_bootstrap, ANSWER_SECONDS)
        checks: list[tuple[str, Callable[[], str]]] = [
            ("configuration", lambda: _configuration(settings)),
            ("Kafka", lambda: _kafka(settings, broker)),
            ("ClickHouse", lambda: f"{client} answers, version {_server_version(settings)}"),
        ]
        passed = [_passes(console, name, run) for name, run in checks]
        for name, run in (("migrations", lambda: _migrations(client)), ("rules", lambda: _rules(settings, client))):
            # Each check depends on the one before.
            if passed[-1]:
                passed.append(_passes(console, name, run))
            else:
                _leave_open(console, name)
        is_ready = all(passed)
        if is_ready:
            _check_clock(console, settings, broker)
            is_ready = _passes(console, "log", lambda: _log(settings, client, broker))
        else:
            _leave_open(console, "log")
    return is_ready


def _leave_open(console: Console, name: str) -> None:
    console.print(f"[yellow]open[/]  {name}: not checked while something else is wrong", highlight=False)


def _passes(console: Console, name: str, run: Callable[[], str]) -> bool:
    try:
        console.print(f"[green]ok[/]    {name}: {run()}", highlight=False)
    except SichtflugError as problem:
        console.print(f"[red]wrong[/] {name}: {problem}", highlight=False)
        return False
    return True


def _configuration(settings: Settings) -> str:
    key = "set" if settings.key else "none, so anyone can test a guess of a name"
    return f"zone {settings.rules.reporting_zone}, pseudonym key {key}"


def _rules(settings: Settings, client: ClickHouse) -> str:
    version = settings.rules.version()
    stored = newest(client, settings.kafka_topic)
    if stored is None:
        return f"{version}, the first of this log"
    if stored[0].version == version:
        return f"{version}, as in the ledger"
    return f"{version}, the ledger has {stored[0].version}: stop all workers, then start them with the new ones"


def _kafka(settings: Settings, broker: KafkaAdmin) -> str:
    verify_single(settings, broker.partition_count(settings.kafka_panes_topic) or 1)
    partitions = broker.partition_count(settings.kafka_topic)
    if not partitions:
        return f"{settings.kafka_bootstrap} answers; a worker will create {settings.kafka_topic}"
    return f"{settings.kafka_bootstrap} answers; {settings.kafka_topic} has {partitions} partitions"


def _check_clock(console: Console, settings: Settings, broker: KafkaAdmin) -> None:
    """Print the source of the topic's timestamps. Producers' clocks are only noted, because a worker can start."""
    if not broker.partition_count(settings.kafka_topic):
        return
    warning = producers_clock(broker, settings.kafka_topic)
    if warning:
        console.print(f"[yellow]note[/]  clock: {warning}", highlight=False)
    else:
        console.print(f"[green]ok[/]    clock: {_brokers_clock(settings.kafka_topic, broker)}", highlight=False)


def _brokers_clock(topic: str, broker: KafkaAdmin) -> str:
    if broker.is_empty(topic):
        return f"{topic} asks for LogAppendTime; its first record will show whether the broker obeys"
    return "the broker stamps records as they come (LogAppendTime)"


def _server_version(settings: Settings) -> str:
    with ClickHouse(settings.clickhouse_url, "") as server:
        return str(server.rows("SELECT version()")[0][0])


def _migrations(client: ClickHouse) -> str:
    missing = migrations.pending(client)
    if missing:
        raise ClickHouseRejectedError(f"{len(missing)} are missing; run: sichtflug migrate")
    return f"all {len(available())} are there, and the {schema.verify(client)} parts that they made"


def _log(settings: Settings, client: ClickHouse, broker: KafkaAdmin) -> str:
    topic = settings.kafka_topic
    partition_count = broker.partition_count(topic)
    known = 0
    for partition in range(partition_count):
        checkpoint = read_checkpoint(client, of_partition(topic, partition))
        if checkpoint:
            verify(broker, topic, partition, checkpoint, partition_count)
            known += 1
    return f"{known} of {partition_count} partitions have a checkpoint, and their logs go on where it stands"
