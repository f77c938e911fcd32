"""The records that the batch oracle accepts: the distinct good events of each conversation, in log order."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from tests.oracle.records import Event, Record, Rejected, accept

YEAR_2100_MS = 4_102_444_800_000


class AcceptedLog:
    """The events by source and conversation id, and the counts of records read, duplicate and rejected."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.consumed_count = self.duplicate_count = 0
        self.rejections: Counter[str] = Counter()
        self.latest_ms = -1
        self.events: dict[tuple[str, str], list[Event]] = defaultdict(list)

        ids_of: dict[tuple[str, str], set[str]] = defaultdict(set)
        broker_ms: int | None = None  # the last plausible one, used in place of a timestamp that no broker can produce
        for record in records:
            self.consumed_count += 1
            given_ms = record.broker_timestamp_ms
            if given_ms is None or 0 < given_ms < YEAR_2100_MS:
                broker_ms = given_ms
            try:
                event = accept(replace(record, broker_timestamp_ms=broker_ms))
            except Rejected as reason:
                self.rejections[str(reason)] += 1
                continue
            self.latest_ms = max(self.latest_ms, event.occurred_at_ms)
            conversation = (event.source, event.conversation_id)
            if event.id in ids_of[conversation]:
                self.duplicate_count += 1
                continue
            ids_of[conversation].add(event.id)
            self.events[conversation].append(event)
