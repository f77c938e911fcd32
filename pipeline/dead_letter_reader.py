"""`sichtflug dead-letters list|show`: rejected records as operators look at them."""

import sys

from rich.console import Console
from rich.table import Table

from pipeline.broker import Broker
from pipeline.clickhouse import ClickHouse
from pipeline.settings import Settings


def show_list(settings: Settings, limit: int, console: Console) -> None:
    """A table of the newest rejections."""
    door = ClickHouse(settings.clickhouse_url, settings.clickhouse_database)
    rows = door.rows(
        "SELECT rejected_at, log, kafka_partition, kafka_offset, reason, field FROM rejections FINAL "
        f"ORDER BY rejected_at DESC, kafka_offset DESC LIMIT {int(limit)}"
    )
    door.close()
    table = Table("rejected at (UTC)", "topic", "partition", "offset", "reason", "field")
    for rejected_at, *rest in rows:
        table.add_row(f"{rejected_at:%Y-%m-%d %H:%M:%S}", *map(str, rest))
    console.print(table if rows else "no dead letters")


def show_one(settings: Settings, partition: int, offset: int, console: Console) -> None:
    """Headers and value of the dead letter of one record. Exits with status 1 when there is none."""
    broker = Broker(settings.kafka_bootstrap)
    found = broker.find_dead_letter(settings.dead_letter_topic, partition, offset)
    if found is None:
        sys.stderr.write(f"sichtflug: no dead letter of {settings.kafka_topic}[{partition}]@{offset}\n")
        sys.exit(1)
    headers, key, value = found
    for name, text in headers:
        console.print(f"{name}: {text.decode(errors='replace')}", highlight=False, markup=False)
    console.print(f"key: {(key or b'').decode(errors='replace')}", highlight=False, markup=False)
    sys.stdout.write((value or b"").decode(errors="replace") + "\n")
