"""An independent batch computation of the numbers over a whole log: the oracle of the tests.

It shares no code with `streams/` or `pipeline/` and uses no panes, batches or watermarks on the way: it folds each
conversation's events in log order into a plain list of changes and counts that list. Where the fast code differs from
it, one of the two misreads docs/decisions/0001.

All instants are UTC epoch milliseconds; intervals are half-open and named by their start, also in ms; rows are sorted
by their columns from left to right.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.oracle.accepted import AcceptedLog
from tests.oracle.changes import Change, ResponseTime, Settings
from tests.oracle.clocks import Cell
from tests.oracle.customers import count_customers
from tests.oracle.fold import Conversation
from tests.oracle.records import Record, read_records

__all__ = ["DEFAULT_CHANNELS", "Oracle", "Record", "read_records"]

Row = dict[str, Any]

INTERVAL_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
DEFAULT_CHANNELS: dict[str, tuple[str, str]] = {
    "phone": ("sync", "private"),
    "email": ("async", "private"),
    "web_chat": ("sync", "private"),
    "in_app": ("async", "private"),
    "messaging": ("async", "private"),
    "social_public": ("async", "public"),
    "social_private": ("async", "private"),
    "community": ("async", "public"),
    "self_service": ("sync", "private"),
}


class Oracle:
    """The numbers of a log. `records` are in log order (of one partition, or of one after the other).

    `idle_limit_seconds`: None means no conversation expires. `channels`: channel -> (mode, default visibility).
    `target_seconds`: clock kind -> target, in a 24x7 calendar. `watermark_ms`: for a part of a larger log, the latest
    watermark of that log; the default is the latest instant in `records`.
    """

    def __init__(
        self,
        records: Iterable[Record],
        *,
        idle_limit_seconds: int | None = None,
        channels: Mapping[str, tuple[str, str]] | None = None,
        target_seconds: Mapping[str, int] | None = None,
        watermark_ms: int | None = None,
    ) -> None:
        self.channels = DEFAULT_CHANNELS if channels is None else channels
        settings = Settings(self.channels, target_seconds or {}, idle_limit_seconds)
        log = AcceptedLog(records)
        self.consumed_count, self.duplicate_count = log.consumed_count, log.duplicate_count
        self.rejections = log.rejections
        self.watermark_ms = log.latest_ms if watermark_ms is None else watermark_ms
        self.conversations: list[Conversation] = []
        for (source, conversation_id), events in sorted(log.events.items()):
            folded = Conversation(source, conversation_id, settings)
            for event in events:
                folded.apply(event)
            if folded.state:  # events of unknown types alone begin no conversation
                folded.finish(self.watermark_ms)
                self.conversations.append(folded)
        self.changes: list[Change] = [change for conversation in self.conversations for change in conversation.changes]

    def backlog_by(self, interval: str) -> list[Row]:
        """Return open conversations at the end of each interval, per cell from its first change to the watermark's.

        `arrived_count` is opened + reopened.
        """
        size_ms = INTERVAL_MS[interval]
        counters = ("arrived", "departed", "moved_in", "moved_out")
        counts: Counter[tuple[str, int, Cell]] = Counter()
        for change in self.changes:
            if change.counter in counters:
                counts[change.counter, change.at_ms // size_ms * size_ms, change.cell] += change.amount
        first_ms: dict[Cell, int] = {}
        for (_, start_ms, cell), count in counts.items():
            if count != 0:
                first_ms[cell] = min(start_ms, first_ms.get(cell, start_ms))

        rows: list[Row] = []
        for cell, cell_start_ms in first_ms.items():
            open_count = 0
            for start_ms in range(cell_start_ms, self.watermark_ms + 1, size_ms):
                arrived, departed, moved_in, moved_out = (counts[name, start_ms, cell] for name in counters)
                open_count += arrived + moved_in - moved_out - departed
                rows.append(
                    {interval: start_ms}
                    | cell._asdict()
                    | {
                        "open_count": open_count,
                        "arrived_count": arrived,
                        "departed_count": departed,
                        "moved_in_count": moved_in,
                        "moved_out_count": moved_out,
                    }
                )
        return _sorted(rows)

    def channel_mix_by(self, interval: str) -> list[Row]:
        """Return inbound openings (a transfer chain once) and inbound messages, where either is not zero."""
        size_ms = INTERVAL_MS[interval]
        opened: Counter[tuple[int, Cell]] = Counter()
        messages: Counter[tuple[int, Cell]] = Counter()
        for change in self.changes:
            place = (change.at_ms // size_ms * size_ms, change.cell)
            if change.counter == "opened_inbound":
                opened[place] += change.amount
            elif change.counter == "inbound_message":
                messages[place] += change.amount
        return _sorted(
            {
                interval: start_ms,
                "tenant": cell.tenant,
                "queue": cell.queue,
                "channel": cell.channel,
                "mode": self._mode(cell.channel),
                "visibility": cell.visibility,
                "opened_count": opened[start_ms, cell],
                "inbound_message_count": messages[start_ms, cell],
            }
            for start_ms, cell in {*opened, *messages}
            if opened[start_ms, cell] or messages[start_ms, cell]
        )

    def _mode(self, channel: str) -> str:
        return self.channels.get(channel, ("async", "private"))[0] if channel else ""

    def escalations_by(self, interval: str) -> list[Row]:
        """Return escalations by kind, including exposures, summed over visibilities, where not zero."""
        size_ms = INTERVAL_MS[interval]
        counts: Counter[tuple[int, str, str, str, str]] = Counter()
        for change in self.changes:
            if change.counter == "escalated":
                start_ms, cell = change.at_ms // size_ms * size_ms, change.cell
                counts[start_ms, cell.tenant, cell.queue, cell.channel, change.kind] += change.amount
        for (name, at_ms, cell), count in count_customers(self.conversations).items():
            if name == "exposure":
                counts[at_ms // size_ms * size_ms, cell.tenant, cell.queue, cell.channel, name] += count
        names = (interval, "tenant", "queue", "channel", "kind")
        return _sorted(
            dict(zip(names, place, strict=True)) | {"escalated_count": count}
            for place, count in counts.items()
            if count
        )

    def peer_resolution_by(self, interval: str) -> list[Row]:
        """Return accepted solutions, those by peers, and contacts that these saved, where any is not zero."""
        return self._counted_by(interval, ("accepted", "accepted_from_peer", "saved"))

    def first_peer_answers(self) -> list[ResponseTime]:
        """Return each first answer by a peer and its duration."""
        return [
            conversation.first_peer_answer
            for conversation in self.conversations
            if conversation.first_peer_answer is not None
        ]

    def peer_answers_by(self, interval: str) -> list[Row]:
        """Return first answers by peers, and those before any agent's, where there was one."""
        size_ms = INTERVAL_MS[interval]
        answered: Counter[tuple[int, Cell]] = Counter(
            (time.at_ms // size_ms * size_ms, time.cell) for time in self.first_peer_answers()
        )
        before_staff: Counter[tuple[int, Cell]] = Counter()
        for change in self.changes:
            if change.counter == "before_staff":
                before_staff[change.at_ms // size_ms * size_ms, change.cell] += change.amount
        return _sorted(
            {interval: start_ms}
            | cell._asdict()
            | {"answered_count": count, "before_staff_count": before_staff[start_ms, cell]}
            for (start_ms, cell), count in answered.items()
        )

    def _counted_by(self, interval: str, counters: Sequence[str]) -> list[Row]:
        """Return sums of some counters, where any is not zero."""
        size_ms = INTERVAL_MS[interval]
        counts: dict[tuple[int, Cell], Counter[str]] = defaultdict(Counter)
        for change in self.changes:
            if change.counter in counters:
                counts[change.at_ms // size_ms * size_ms, change.cell][change.counter] += change.amount
        return _sorted(
            {interval: start_ms} | cell._asdict() | {f"{counter}_count": found[counter] for counter in counters}
            for (start_ms, cell), found in counts.items()
            if any(found.values())
        )

    def conversation_facts(self) -> list[Row]:
        """Return one row per conversation; instants in ms or None."""
        rows = [
            {
                "tenant": conversation.cell.tenant,
                "source": conversation.source,
                "conversation_id": conversation.conversation_id,
                "channel": conversation.cell.channel,
                "visibility": conversation.cell.visibility,
                "queue": conversation.cell.queue,
                "state": conversation.state,
                "opened_at": conversation.opened_at_ms,
                "first_response_at": conversation.first_response_at_ms,
                "resolved_at": conversation.resolved_at_ms,
                "departed_at": conversation.departed_at_ms,
                "message_count": conversation.message_count,
                "transferred_count": conversation.transferred_count,
                "escalated_count": conversation.escalated_count,
                "reopened_count": conversation.reopened_count,
                "is_implicit": conversation.is_implicit,
            }
            for conversation in self.conversations
        ]
        return sorted(rows, key=lambda row: (row["tenant"], row["source"], row["conversation_id"]))

    def response_times(self) -> list[Row]:
        """Return each valid duration (`sign` is +1): kind, the minute of its end, cell, `duration_ms`."""
        return _sorted(
            {"kind": time.kind, "minute": time.at_ms // 60_000 * 60_000}
            | time.cell._asdict()
            | {"duration_ms": time.duration_ms, "sign": 1}
            for conversation in self.conversations
            for time in conversation.response_times
        )

    def waiting(self) -> list[Row]:
        """Return, per open conversation, whom it waits on and since when: the parties sum up to the backlog."""
        return _sorted(
            _identity(conversation) | {"waiting_on": conversation.waiting_on, "since_ms": conversation.waiting_since_ms}
            for conversation in self.conversations
            if conversation.state == "open"
        )

    def open_since(self) -> list[Row]:
        """Return, per open conversation, its last opening or reopening."""
        return _sorted(
            _identity(conversation) | {"open_since_ms": conversation.open_since_ms}
            for conversation in self.conversations
            if conversation.state == "open"
        )

    def sla(self) -> list[Row]:
        """Return one row per clock that was not cancelled: kind, `met`, `missed` or `open`, min(reply, due), cell.

        A clock is missed only if it fell due before the watermark; `at_ms` is None for a paused one.
        """
        rows = [row for conversation in self.conversations for row in conversation.clocks.rows(self.watermark_ms)]
        return sorted(rows, key=lambda row: tuple(str(value) for value in row.values()))


def _identity(conversation: Conversation) -> Row:
    return {
        "source": conversation.source,
        "conversation_id": conversation.conversation_id,
    } | conversation.cell._asdict()


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: tuple(row.values()))
