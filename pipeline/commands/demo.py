"""`sichtflug demo`: embedded Kafka and ClickHouse, a worker, simulated traffic, and a live table of the numbers."""

import contextlib
import os
import shlex
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import connect
from pipeline.commands.embedded import begin_epoch_after_start, configured_password, kept_key
from pipeline.commands.live_table import ClickHouseTable
from pipeline.commands.page import beside
from pipeline.commands.simulate import publish_live
from pipeline.embedded.child import Child
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka, free_port
from pipeline.kafka.admin import KafkaAdmin
from pipeline.settings import PREFIX, Settings
from pipeline.signals import stops_on_signals

REFRESH_SECONDS = 1.0
FIRST_FLUSH_SECONDS = 60.0
SESSION_SECONDS = 6.0


def run(settings: Settings, seconds: float | None, rate: float, data: Path | None, console: Console) -> None:
    """Run the whole pipeline on embedded servers, until Ctrl-C or for `seconds` after the first numbers."""
    with contextlib.ExitStack() as parts, stops_on_signals():
        is_kept = data is not None
        if data is None:
            data = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="sichtflug-")))
        data.mkdir(parents=True, exist_ok=True)
        password = configured_password(settings)
        clickhouse = parts.enter_context(EmbeddedClickHouse(data / "clickhouse", password=password, log_directory=data))
        kafka = parts.enter_context(EmbeddedKafka(log_directory=data))
        settings = msgspec.structs.replace(
            settings,
            kafka_bootstrap=kafka.bootstrap,
            clickhouse_url=clickhouse.url,
            pseudonym_key=settings.pseudonym_key or kept_key(data),
            kafka_session_seconds=SESSION_SECONDS,
            # Fixed here, because the page scrapes the worker at this port.
            metrics_port=settings.metrics_port if f"{PREFIX}METRICS_PORT" in os.environ else free_port(),
        )
        migrations.migrate(settings.clickhouse_url, settings.clickhouse_database)
        begin_epoch_after_start(settings)
        worker = _start_worker(settings, data)
        parts.callback(worker.stop)
        stopped = threading.Event()
        parts.callback(stopped.set)
        KafkaAdmin(kafka.bootstrap).ensure_topic(settings.kafka_topic, settings.kafka_partitions, 1)
        traffic = threading.Thread(
            target=publish_live,
            args=(kafka.bootstrap, settings.kafka_topic, rate, int(time.time()), None, data / "ground-truth.json"),
            kwargs={"stopped": stopped.is_set},
            daemon=True,
        )
        traffic.start()
        page = parts.enter_context(beside(settings))
        _print_addresses(settings, page.url, clickhouse, data, console)
        with ClickHouseTable(settings) as table:
            _watch(table, worker, seconds, console)
        stopped.set()
        traffic.join(timeout=10)
        time.sleep(settings.flush_seconds)
        worker.stop()
        _print_books(settings, console)
        ends = f"kept in {data}" if is_kept else f"removed with {data}; --data DIR keeps them"
        console.print(f"data and logs are {ends}", highlight=False, soft_wrap=True)


def _start_worker(settings: Settings, data: Path) -> Child:
    # Settings refuse a secret given twice: the password is in the URL, the key is passed itself.
    replaced = ("CLICKHOUSE_PASSWORD", "CLICKHOUSE_PASSWORD_FILE", "CLICKHOUSE_USER", "PSEUDONYM_KEY_FILE")
    environment = {name: value for name, value in os.environ.items() if name.removeprefix(PREFIX) not in replaced}
    for name in ("kafka_bootstrap", "clickhouse_url", "kafka_session_seconds", "metrics_port", "pseudonym_key"):
        environment[PREFIX + name.upper()] = str(getattr(settings, name))
    return Child([sys.executable, "-m", "pipeline.cli", "worker"], log=data / "worker.log", environment=environment)


def _print_addresses(
    settings: Settings, page_url: str, clickhouse: EmbeddedClickHouse, data: Path, console: Console
) -> None:
    secret = shlex.quote(f"default:{clickhouse.password}") if clickhouse.keeps_password else "default"
    database = f"{clickhouse.address}/?database={settings.clickhouse_database}"
    console.print(
        f"dashboards  {page_url}\n"
        f"Kafka       {settings.kafka_bootstrap}, topic {settings.kafka_topic}\n"
        f"ClickHouse  {database}\n"
        f"data, logs  {data} (worker.log, clickhouse.log, kafka.log, ground-truth.json)\n"
        f"try         curl -u {secret} '{database}' "
        "-d 'SELECT * FROM backlog_by_minute ORDER BY minute DESC LIMIT 5'",
        highlight=False,
        soft_wrap=True,
    )


def _watch(table: "ClickHouseTable", worker: Child, seconds: float | None, console: Console) -> None:
    """Show the table until `seconds` after its first numbers: in place on a terminal, only the last one in a pipe."""
    deadline, started_at = float("inf"), time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while (now := time.monotonic()) < deadline:
            if worker.process.poll() is not None:
                raise RuntimeError(f"the worker ended with status {worker.process.returncode}; look at worker.log")
            drawn = table.draw()
            live.update(drawn)
            if seconds is not None and deadline == float("inf"):
                if not isinstance(drawn, str):
                    deadline = now + seconds
                elif now - started_at > FIRST_FLUSH_SECONDS:
                    raise RuntimeError(f"no numbers within {FIRST_FLUSH_SECONDS:.0f} s; look at worker.log")
            time.sleep(min(REFRESH_SECONDS, max(0.0, deadline - time.monotonic())))


def _print_books(settings: Settings, console: Console) -> None:
    with connect(settings) as client:
        [(consumed, applied, duplicate, rejected)] = client.rows(
            "SELECT sum(consumed_count), sum(applied_count), sum(duplicate_count), sum(rejected_count) FROM checkpoints"
        )
    balance = "balances" if consumed == applied + duplicate + rejected else "DOES NOT BALANCE"
    console.print()
    console.print(
        f"books: {consumed:,} consumed = {applied:,} applied + {duplicate:,} duplicate + {rejected:,} rejected "
        f"({balance}); stopped",
        highlight=False,
        soft_wrap=True,
    )
