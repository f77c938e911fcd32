"""`sichtflug dead-letters`: list and show rejected records, and publish them again, each once (redrive).

A copy is sent, Kafka acknowledges it, then a mark is written. A crash in between sends it again, which the event's id
makes a duplicate; the other order would lose it.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from pipeline.clickhouse.client import ClickHouse, connect
from pipeline.clickhouse.sql import quoted
from pipeline.contract.dead_letter import DeadLetter, Origin, has_come_back, is_without_value, origin, place, redriven
from pipeline.kafka.admin import KafkaAdmin, StoredRecord
from pipeline.kafka.bulk import bulk_producer
from pipeline.settings import Settings

BATCH = 500


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


class Redriven(NamedTuple):
    """How many letters were (or in a dry run would be) sent, by reason; and how many the filter took that were not.

    `already`: sent before. `came_back`: they had been sent before and were rejected anew. `without_value`: they were
    too large for a letter, so the record lies at its origin only, or nobody can read them.
    """

    sent: Counter[str]
    already: int
    came_back: int
    without_value: int


def redrive(
    settings: Settings,
    wanted: Filter,
    *,
    dry_run: bool,
    again: bool,
    progress: Callable[[int], None] = lambda sent: None,
) -> Redriven:
    """Publish the dead letters that `wanted` takes to their source topic.

    With `again` also those that came back from an earlier redrive, under their new origin. Raises BrokerError, and what
    ClickHouse raises.
    """
    with connect(settings) as client:
        marked = _marked(client, settings.kafka_topic)
        places = {place(settings.kafka_topic, *mark[:2]) for mark in marked}
        # A crash, or a new epoch, may have written a letter twice.
        taken: set[tuple[int, int, int]] = set()
        sent: Counter[str] = Counter()
        already = came_back = without_value = 0
        chosen: list[tuple[Origin, DeadLetter]] = []
        for found, letter in _letters(settings, wanted):
            mark = found[1:4]
            if mark in marked:
                already += 1
            elif is_without_value(letter):
                without_value += 1
            elif not again and has_come_back(letter, places):
                came_back += 1
            elif mark not in taken:
                taken.add(mark)
                places.add(place(*found[:3]))
                chosen.append((found, letter))
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            if not dry_run:
                with bulk_producer(settings.kafka_bootstrap, settings.kafka_topic) as send:
                    for one in batch:
                        send(*redriven(*one))
                _mark(client, [found for found, _ in batch])
            sent.update(found.reason for found, _ in batch)
            progress(sent.total())
        return Redriven(sent, already, came_back, without_value)


def _letters(settings: Settings, wanted: Filter) -> Iterator[tuple[Origin, DeadLetter]]:
    for record in KafkaAdmin(settings.kafka_bootstrap).records(settings.dead_letter_topic):
        found = origin(record.headers)
        if found and found.topic == settings.kafka_topic and wanted.takes(found):
            yield found, DeadLetter(record.key, record.value, list(record.headers))


def _marked(client: ClickHouse, topic: str) -> set[tuple[int, int, int]]:
    rows = client.rows(
        "SELECT kafka_partition, kafka_offset, toUnixTimestamp64Milli(rejected_at) FROM redrives "
        "WHERE log = {log:String}",
        {"log": topic},
    )
    return {(int(partition), int(offset), int(timestamp)) for partition, offset, timestamp in rows}


def _mark(client: ClickHouse, origins: Sequence[Origin]) -> None:
    rows = ", ".join(
        f"({quoted(one.topic)}, {one.partition}, {one.offset}, fromUnixTimestamp64Milli({one.timestamp}, 'UTC'), "
        f"{quoted(one.reason)})"
        for one in origins
    )
    client.execute(f"INSERT INTO redrives (log, kafka_partition, kafka_offset, rejected_at, reason) VALUES {rows}")


SECONDS = "%Y-%m-%d %H:%M:%S"


def show_list(settings: Settings, wanted: Filter, limit: int, console: Console) -> None:
    """A table of the newest rejections, and when they were published again."""
    with connect(settings) as client:
        rows = client.rows(
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
    for record in KafkaAdmin(settings.kafka_bootstrap).records(settings.dead_letter_topic):
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
