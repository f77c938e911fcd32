"""`sichtflug demo` and `sichtflug embedded`: the embedded parts, and a live look at what comes out of traffic."""

import contextlib
import os
import secrets
import shlex
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse, Refused, Unavailable
from pipeline.commands.epoch import begin_epoch
from pipeline.commands.page import beside
from pipeline.commands.simulate import publish_live
from pipeline.credentials import read_secret
from pipeline.embedded.child import Child
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka, free_port
from pipeline.kafka.admin import Broker
from pipeline.settings import PREFIX, Settings
from pipeline.signals import stops_on_signals

REFRESH_SECONDS = 1.0
FIRST_FLUSH_SECONDS = 60.0
EPOCH_REASON = "the embedded broker keeps nothing: each of its starts is a new epoch"
SESSION_SECONDS = 6.0
KEY_FILE = "pseudonym-key"


def begin_epoch_after_start(settings: Settings) -> None:
    """The embedded broker has started empty: where the ledger knows its topics, a new epoch begins."""
    door = ClickHouse(settings.clickhouse_url, settings.clickhouse_database)
    try:
        for log in (settings.kafka_topic, settings.contacts_topic):
            begin_epoch(door, Broker(settings.kafka_bootstrap), log, EPOCH_REASON, 1)
    except Refused as refusal:
        if "UNKNOWN_DATABASE" not in str(refusal) and "UNKNOWN_TABLE" not in str(refusal):
            raise
    finally:
        door.close()


def run_embedded(
    settings: Settings, data: Path, kafka_port: int, clickhouse_port: int, no_kafka: bool, console: Console
) -> None:
    """Start the embedded parts, say where they are, and wait for Ctrl-C or SIGTERM."""
    with contextlib.ExitStack() as parts, stops_on_signals():
        password = _configured_password(settings)
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


def _configured_password(settings: Settings) -> str | None:
    """The one of the settings or of their URL, None where the embedded engine is to keep a random one."""
    return settings.clickhouse_password or unquote(urlsplit(settings.clickhouse_url).password or "") or None


def kept_key(data: Path) -> str:
    """The key of the pseudonyms of embedded parts, made at their first start: the next on the same data has it, too."""
    file = data / KEY_FILE
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secrets.token_urlsafe(32) + "\n")
    return read_secret(file)


def run(settings: Settings, seconds: float | None, rate: float, data: Path | None, console: Console) -> None:
    """The whole way of the data on embedded parts, until Ctrl-C or for `seconds`."""
    with contextlib.ExitStack() as parts, stops_on_signals():
        is_kept = data is not None
        if data is None:
            data = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="sichtflug-")))
        data.mkdir(parents=True, exist_ok=True)
        password = _configured_password(settings)
        clickhouse = parts.enter_context(EmbeddedClickHouse(data / "clickhouse", password=password, log_directory=data))
        kafka = parts.enter_context(EmbeddedKafka(log_directory=data))
        settings = msgspec.structs.replace(
            settings,
            kafka_bootstrap=kafka.bootstrap,
            clickhouse_url=clickhouse.url,
            pseudonym_key=settings.pseudonym_key or kept_key(data),
            kafka_session_seconds=SESSION_SECONDS,
            # Known to the page, which asks the worker for its metrics.
            metrics_port=settings.metrics_port if f"{PREFIX}METRICS_PORT" in os.environ else free_port(),
        )
        migrations.migrate(settings.clickhouse_url, settings.clickhouse_database)
        begin_epoch_after_start(settings)
        worker = _start_worker(settings, data)
        parts.callback(worker.stop)
        stopped = threading.Event()
        parts.callback(stopped.set)
        Broker(kafka.bootstrap).ensure_topic(settings.kafka_topic, settings.kafka_partitions, 1)
        traffic = threading.Thread(
            target=publish_live,
            args=(kafka.bootstrap, settings.kafka_topic, rate, int(time.time()), None, data / "ground-truth.json"),
            kwargs={"stopped": stopped.is_set},
            daemon=True,
        )
        traffic.start()
        page = parts.enter_context(beside(settings))
        _say_where_everything_is(settings, page.url, clickhouse, data, console)
        with ClickHouseTable(settings) as table:
            _watch(table, worker, seconds, console)
        stopped.set()
        traffic.join(timeout=10)
        time.sleep(settings.flush_seconds)
        worker.stop()
        _last_words(settings, console)
        ends = f"kept in {data}" if is_kept else f"removed with {data}; --data DIR keeps them"
        console.print(f"data and logs are {ends}", highlight=False, soft_wrap=True)


def _start_worker(settings: Settings, data: Path) -> Child:
    # The secrets are told once: the password with the URL, the key as it is.
    elsewhere = ("CLICKHOUSE_PASSWORD", "CLICKHOUSE_PASSWORD_FILE", "CLICKHOUSE_USER", "PSEUDONYM_KEY_FILE")
    environment = {name: value for name, value in os.environ.items() if name.removeprefix(PREFIX) not in elsewhere}
    for name in ("kafka_bootstrap", "clickhouse_url", "kafka_session_seconds", "metrics_port", "pseudonym_key"):
        environment[PREFIX + name.upper()] = str(getattr(settings, name))
    return Child([sys.executable, "-m", "pipeline.cli", "worker"], log=data / "worker.log", environment=environment)


def _say_where_everything_is(
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
    """Show the table until `seconds` after its first numbers. On a terminal it stays in place, in a pipe only the last
    one is shown."""
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


class ClickHouseTable:
    """The numbers of the moment, asked of ClickHouse like any other reader would."""

    def __init__(self, settings: Settings) -> None:
        self._door = ClickHouse(settings.clickhouse_url, settings.clickhouse_database)
        self._before: tuple[float, int] | None = None

    def __enter__(self) -> "ClickHouseTable":
        return self

    def __exit__(self, *error: object) -> None:
        self._door.close()

    def draw(self) -> Group | str:
        """One look."""
        try:
            return self._drawn()
        except Unavailable as error:
            return f"ClickHouse does not answer: {error}"

    def _drawn(self) -> Group | str:
        checkpoints = self._door.rows(
            "SELECT sum(consumed_count), toUnixTimestamp64Milli(max(watermark)), sum(rejected_count) FROM checkpoints "
            "WHERE epoch = (SELECT max(epoch) FROM checkpoints)"
        )
        consumed, watermark_ms, rejected = checkpoints[0]
        if not consumed:
            return "waiting for the first flush …"
        rows = self._door.rows(
            """
            SELECT channel, sumIf(value, kind = 'contact') AS contacts, sumIf(value, kind = 'message') AS messages,
                sumIf(value, kind = 'open') AS open, sumIf(value, kind = 'escalated') AS escalated
            FROM (
                SELECT channel, 'contact' AS kind, sum(contact_count) AS value FROM panes
                WHERE tier = 'minute' AND start > (SELECT latest FROM watermarks) - INTERVAL 1 HOUR GROUP BY channel
                UNION ALL
                SELECT channel, 'message', sum(inbound_message_count) FROM panes
                WHERE tier = 'minute' AND start > (SELECT latest FROM watermarks) - INTERVAL 1 HOUR GROUP BY channel
                UNION ALL
                SELECT channel, 'escalated', sum(escalated_functional_count + escalated_hierarchical_count
                    + escalated_handoff_count + escalated_regulatory_count) FROM panes
                WHERE tier = 'minute' AND start > (SELECT latest FROM watermarks) - INTERVAL 1 HOUR GROUP BY channel
                UNION ALL
                SELECT channel, 'open', sum(open_count) FROM backlog_age GROUP BY channel
            )
            GROUP BY channel ORDER BY contacts DESC, channel
            """
        )
        return Group(_mix(rows), self._footer(consumed, watermark_ms, rejected))

    def _footer(self, consumed: int, watermark_ms: int, rejected: int) -> str:
        now = time.monotonic()
        before_at, before = self._before or (now, consumed)
        rate = (consumed - before) / (now - before_at) if now > before_at else 0.0
        if self._before is None or now - before_at > 5:
            self._before = (now, consumed)
        age = max(0.0, time.time() - watermark_ms / 1000)
        return (
            f"{consumed:,} records, {rate:,.0f} a second, {rejected:,} dead letters; "
            f"latest event {time.strftime('%H:%M:%S', time.gmtime(watermark_ms / 1000))} UTC, {age:.1f} s ago"
        )


def _mix(rows: list[tuple[Any, ...]]) -> Table:
    table = Table(title="Last hour by channel")
    table.add_column("channel")
    for name in ("contacts", "share", "messages", "open now", "escalations"):
        table.add_column(name, justify="right")
    total = sum(row[1] for row in rows) or 1
    for channel, contacts, messages, open_now, escalated in rows:
        table.add_row(
            channel or "(unknown)",
            str(contacts),
            f"{contacts / total:.0%}",
            str(messages),
            str(open_now),
            str(escalated),
        )
    columns = [sum(row[index] for row in rows) for index in (1, 2, 3, 4)]
    table.add_section()
    table.add_row("all", str(columns[0]), "100%", *map(str, columns[1:]))
    return table


def _last_words(settings: Settings, console: Console) -> None:
    door = ClickHouse(settings.clickhouse_url, settings.clickhouse_database)
    consumed, applied, duplicate, rejected = door.rows(
        "SELECT sum(consumed_count), sum(applied_count), sum(duplicate_count), sum(rejected_count) FROM checkpoints"
    )[0]
    door.close()
    balance = "balances" if consumed == applied + duplicate + rejected else "DOES NOT BALANCE"
    console.print()
    console.print(
        f"books: {consumed:,} consumed = {applied:,} applied + {duplicate:,} duplicate + {rejected:,} rejected "
        f"({balance}); stopped",
        highlight=False,
        soft_wrap=True,
    )
