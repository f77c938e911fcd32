"""`sichtflug dead-letters redrive`: dead letters go back to where they came from, each once.

A copy is sent, Kafka acknowledges it, then a mark is written. A crash in between sends it again, which the event's id
makes a duplicate; the other order would lose it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.commands.dead_letter_reader import Filter
from pipeline.contract.dead_letter import DeadLetter, Origin, has_come_back, is_without_value, origin, place, redriven
from pipeline.kafka.admin import Broker, sending
from pipeline.settings import Settings

BATCH = 500


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
    door = ClickHouse(settings.clickhouse_url, settings.clickhouse_database)
    try:
        marked = _marked(door, settings.kafka_topic)
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
                with sending(settings.kafka_bootstrap, settings.kafka_topic) as send:
                    for one in batch:
                        send(*redriven(*one))
                _mark(door, [found for found, _ in batch])
            sent.update(found.reason for found, _ in batch)
            progress(sent.total())
        return Redriven(sent, already, came_back, without_value)
    finally:
        door.close()


def _letters(settings: Settings, wanted: Filter) -> Iterator[tuple[Origin, DeadLetter]]:
    for record in Broker(settings.kafka_bootstrap).records(settings.dead_letter_topic):
        found = origin(record.headers)
        if found and found.topic == settings.kafka_topic and wanted.takes(found):
            yield found, DeadLetter(record.key, record.value, list(record.headers))


def _marked(door: ClickHouse, topic: str) -> set[tuple[int, int, int]]:
    rows = door.rows(
        "SELECT kafka_partition, kafka_offset, toUnixTimestamp64Milli(rejected_at) FROM redrives "
        "WHERE log = {log:String}",
        {"log": topic},
    )
    return {(int(partition), int(offset), int(timestamp)) for partition, offset, timestamp in rows}


def _mark(door: ClickHouse, origins: Sequence[Origin]) -> None:
    rows = ", ".join(
        f"({quoted(one.topic)}, {one.partition}, {one.offset}, fromUnixTimestamp64Milli({one.timestamp}, 'UTC'), "
        f"{quoted(one.reason)})"
        for one in origins
    )
    door.execute(f"INSERT INTO redrives (log, kafka_partition, kafka_offset, rejected_at, reason) VALUES {rows}")
