"""`sichtflug embedded`: Kafka and ClickHouse as child processes, without a worker."""

import contextlib
import shlex
import signal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
from rich.console import Console

from pipeline.clickhouse.client import connect
from pipeline.clickhouse.migrations import ABSENT
from pipeline.commands.epoch import begin_epoch
from pipeline.credentials import kept_secret
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from pipeline.errors import ClickHouseRejectedError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.settings import Settings
from pipeline.signals import stops_on_signals

EPOCH_REASON = "the embedded broker keeps nothing: each of its starts is a new epoch"
KEY_FILE = "pseudonym-key"


def begin_epoch_after_start(settings: Settings) -> None:
    """Begin a new epoch of the topics that the ledger knows, because the embedded broker has started empty."""
    with connect(settings) as client:
        try:
            for log in (settings.kafka_topic, settings.customer_facts_topic):
                begin_epoch(client, KafkaAdmin(settings.kafka_bootstrap), log, EPOCH_REASON, 1)
        except ClickHouseRejectedError as refusal:
            if not refusal.names(*ABSENT):
                raise


def run_embedded(
    settings: Settings, data: Path, kafka_port: int, clickhouse_port: int, no_kafka: bool, console: Console
) -> None:
    """Start the embedded servers, print their addresses, and wait for Ctrl-C or SIGTERM."""
    with contextlib.ExitStack() as parts, stops_on_signals():
        password = configured_password(settings)
        clickhouse = parts.enter_context(EmbeddedClickHouse(data, clickhouse_port, password, log_directory=data))
        console.print(f"ClickHouse  {clickhouse.address}  (data in {data})", highlight=False)
        if not no_kafka:
            kafka = parts.enter_context(EmbeddedKafka(kafka_port, log_directory=data))
            console.print(f"Kafka       {kafka.bootstrap}", highlight=False)
            begin_epoch_after_start(
                msgspec.structs.replace(settings, kafka_bootstrap=kafka.bootstrap, clickhouse_url=clickhouse.url)
            )
            console.print(f"export SICHTFLUG_KAFKA_BOOTSTRAP={kafka.bootstrap}", highlight=False, soft_wrap=True)
        console.print(f"export SICHTFLUG_CLICKHOUSE_URL={clickhouse.address}", highlight=False, soft_wrap=True)
        if password is None:
            secret = shlex.quote(clickhouse.password)
            console.print(f"export SICHTFLUG_CLICKHOUSE_PASSWORD={secret}", highlight=False, soft_wrap=True)
        if not settings.pseudonym_key:
            kept_key(data)
            file = shlex.quote(str((data / KEY_FILE).resolve()))
            console.print(f"export SICHTFLUG_PSEUDONYM_KEY_FILE={file}", highlight=False, soft_wrap=True)
        console.print("ready; stop with Ctrl-C", highlight=False)
        while True:
            signal.pause()


def configured_password(settings: Settings) -> str | None:
    """Return the ClickHouse password from the settings; None if the embedded engine is to create one."""
    return settings.clickhouse_password or unquote(urlsplit(settings.clickhouse_url).password or "") or None


def kept_key(data: Path) -> str:
    """Return the pseudonym key kept in a data directory, creating it at the first start."""
    return kept_secret(data / KEY_FILE)
