"""`sichtflug dead-letters`: list, show and redrive dead letters, each once.

A redrive publishes each dead letter to its topic once: Kafka acknowledges the copy, then a mark is written. After a
crash in between, it is sent again and is a duplicate by the event's id; the opposite order would lose it.
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
    """A selection of dead letters: by reasons (all if empty), and in `[since, until)`, UTC."""

    reasons: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, source: Origin) -> bool:
        """Return whether a dead letter with this origin is selected, by the rejected record's broker time."""
        at = datetime.fromtimestamp(source.timestamp / 1000, UTC).replace(tzinfo=None)
        return (
            (not self.reasons or source.reason in self.reasons)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


class Redriven(NamedTuple):
    """The numbers of dead letters sent (or to be sent, in a dry run) by reason, and of selected ones not sent.

    `already`: sent before. `came_back`: sent before and rejected again. `without_value`: too large for a dead letter,
    so that the record exists only at its origin, or unreadable.
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
    """Publish the dead letters that `wanted` selects to their source topic.

    With `again`, also those that came back from an earlier redrive, under their new origin. Raises BrokerError and the
    errors of the ClickHouse client.
    """
    with connect(settings) as client:
        marked = _marked(client, settings.kafka_topic)
        places = {place(settings.kafka_topic, *mark[:2]) for mark in marked}
        # A dead letter may exist twice, after a crash or a new epoch.
        taken: set[tuple[int, int, int]] = set()
        sent: Counter[str] = Counter()
        already = came_back = without_value = 0
        chosen: list[tuple[Origin, DeadLetter]] = []
        for source, letter in _letters(settings, wanted):
            mark = source[1:4]
            if mark in marked:
                already += 1
            elif is_without_value(letter):
                without_value += 1
            elif not again and has_come_back(letter, places):
                came_back += 1
            elif mark not in taken:
                taken.add(mark)
                places.add(place(*source[:3]))
                chosen.append((source, letter))
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            if not dry_run:
                with bulk_producer(settings.kafka_bootstrap, settings.kafka_topic) as send:
                    for source, letter in batch:
                        send(*redriven(source, letter))
                _mark(client, [source for source, _ in batch])
            sent.update(source.reason for source, _ in batch)
            progress(sent.total())
        return Redriven(sent, already, came_back, without_value)


def _letters(settings: Settings, wanted: Filter) -> Iterator[tuple[Origin, DeadLetter]]:
    for record in KafkaAdmin(settings.kafka_bootstrap).records(settings.dead_letter_topic):
        source = origin(record.headers)
        if source and source.topic == settings.kafka_topic and wanted.matches(source):
            yield source, DeadLetter(record.key, record.value, list(record.headers))


def _marked(client: ClickHouse, topic: str) -> set[tuple[int, int, int]]:
    rows = client.rows(
        "SELECT kafka_partition, kafka_offset, toUnixTimestamp64Milli(rejected_at) FROM redrives "
        "WHERE log = {log:String}",
        {"log": topic},
    )
    return {(int(partition), int(offset), int(timestamp)) for partition, offset, timestamp in rows}


def _mark(client: ClickHouse, origins: Sequence[Origin]) -> None:
    rows = ", ".join(
        f"({quoted(source.topic)}, {source.partition}, {source.offset}, "
        f"fromUnixTimestamp64Milli({source.timestamp}, 'UTC'), {quoted(source.reason)})"
        for source in origins
    )
    client.execute(f"INSERT INTO redrives (log, kafka_partition, kafka_offset, rejected_at, reason) VALUES {rows}")


SECONDS = "%Y-%m-%d %H:%M:%S"


def show_list(settings: Settings, wanted: Filter, limit: int, console: Console) -> None:
    """Print a table of the newest rejections, with the times of their redrives."""
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
    """Print headers, key and value of the dead letters of a record. Exits with status 1 if there are none.

    There may be several: of records at the same partition and offset of another topic that workers fold, or of an
    earlier epoch.
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
    """Return untrusted text for a terminal, with control characters except those in `keep` as escapes."""
    given = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in given
    )
