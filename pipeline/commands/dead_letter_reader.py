"""`sichtflug dead-letters list|show`: rejected records as operators look at them."""

import sys
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.dead_letter import Origin, origin
from pipeline.kafka.admin import Broker, StoredRecord
from pipeline.settings import Settings

SECONDS = "%Y-%m-%d %H:%M:%S"


class Filter(NamedTuple):
    """Which dead letters: with one of the reasons (all when there are none), from `since` until before `until`, UTC."""

    reasons: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, found: Origin) -> bool:
        """Whether a letter with this origin is meant. The time is the rejected record's, by the broker."""
        at = datetime.fromtimestamp(found.timestamp / 1000, UTC).replace(tzinfo=None)
        return (
            (not self.reasons or found.reason in self.reasons)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


def show_list(settings: Settings, wanted: Filter, limit: int, console: Console) -> None:
    """A table of the newest rejections, and when they were published again."""
    door = ClickHouse(settings.clickhouse_url, settings.clickhouse_database)
    rows = door.rows(
        "SELECT rejected_at, log, epoch, kafka_partition, kafka_offset, reason, field, redriven_at "
        "FROM (SELECT * FROM rejections FINAL) AS rejected "
        "LEFT JOIN (SELECT * FROM redrives FINAL) AS again USING (log, kafka_partition, kafka_offset, rejected_at) "
        "WHERE (empty({reasons:Array(String)}) OR reason IN {reasons:Array(String)}) "
        "AND rejected_at >= {since:DateTime} AND rejected_at < {until:DateTime} "
        "ORDER BY rejected_at DESC, kafka_offset DESC LIMIT {limit:UInt32}",
        {
            "reasons": sorted(wanted.reasons),
            "since": wanted.since or datetime(1970, 1, 1),
            "until": wanted.until or datetime(2106, 1, 1),
            "limit": limit,
        },
    )
    door.close()
    table = Table("rejected at (UTC)", "topic", "epoch", "partition", "offset", "reason", "field", "redriven at (UTC)")
    for rejected_at, log, epoch, partition, offset, reason, field, redriven_at in rows:
        at, again = f"{rejected_at:{SECONDS}}", f"{redriven_at:{SECONDS}}" if redriven_at.year > 1970 else ""
        table.add_row(at, log, str(epoch), str(partition), str(offset), reason, field, again)
    console.print(table if rows else "no dead letters")


def show_one(settings: Settings, partition: int, offset: int, console: Console) -> None:
    """Headers and value of the dead letters of a record. Exits with status 1 when there is none.

    There are several where other records lay at the same place: in another topic that workers fold, or in an earlier
    epoch.
    """
    letters: dict[Origin, StoredRecord] = {}
    for record in Broker(settings.kafka_bootstrap).records(settings.dead_letter_topic):
        came_from = origin(record.headers)
        if came_from and (came_from.partition, came_from.offset) == (partition, offset):
            letters[came_from] = record
    if not letters:
        sys.stderr.write(f"sichtflug: no dead letter of {settings.kafka_topic}[{partition}]@{offset}\n")
        sys.exit(1)
    for letter in letters.values():
        for name, text in letter.headers:
            console.print(f"{printable(name)}: {printable(text)}", highlight=False, markup=False)
        console.print(f"key: {printable(letter.key)}", highlight=False, markup=False)
        sys.stdout.write(printable(letter.value, keep="\n\t") + "\n")


def printable(text: bytes | str | None, keep: str = "") -> str:
    """A text that a stranger wrote, for a terminal: what would command it is shown as an escape."""
    given = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
    return "".join(one if one.isprintable() or one in keep else one.encode("unicode_escape").decode() for one in given)
