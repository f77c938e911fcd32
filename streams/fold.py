"""The fold of one partition's log: batches of events become conversations, pane deltas and books.

Everything here is a function of a prefix of the log: batch boundaries, flush times and the process that folds change no
value.
"""

from collections.abc import Iterable

from streams.books import Books
from streams.conversations.conversation import NOT_BEGUN, OPEN, Conversation
from streams.conversations.facts import ConversationFact
from streams.conversations.life_cycle import LifeCycle
from streams.conversations.opening import not_begun
from streams.events import KNOWN_TYPES, Event
from streams.panes.admission import Admission
from streams.panes.cells import CellIndex
from streams.panes.deltas import MINUTE_MS, PaneDeltas
from streams.rules import Rules


class AcceptedEvents:
    """Applied events in log order, as columns: the event, its cell afterwards, whether it was late."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.cells: list[int] = []
        self.is_late: list[bool] = []

    def __len__(self) -> int:
        return len(self.events)


class ConversationFold:
    """The state of one partition at an offset. Takes events in log order, each offset once."""

    def __init__(self, rules: Rules, cells: CellIndex) -> None:
        self.rules = rules
        self.cells = cells
        self.deltas = PaneDeltas(rules.days)
        self.conversations: dict[str, Conversation] = {}
        #: Keys of the conversations touched since `take_touched`.
        self.touched: set[str] = set()
        self.books = Books()
        self.watermark = 0
        #: Last usable broker timestamp of a record, 0 before the first.
        self.broker_at = 0
        #: Open conversations, whether in memory or not.
        self.open_count = 0
        #: Facts about known customers since `take_facts`, in log order.
        self.facts: list[ConversationFact] = []
        #: The cells that this log may count in.
        self.admission = Admission(cells, rules.config.cell_limit)
        self._life_cycle = LifeCycle(rules, cells, self.admission, self.deltas, self.facts)

    def restore(self, watermark: int, books: Books, broker_at: int = 0) -> None:
        """Continue from a checkpoint. Conversations are added to `conversations` as they are read."""
        self.watermark, self.broker_at = watermark, broker_at
        self.books = books

    def fold(self, events: Iterable[Event]) -> AcceptedEvents:
        """Apply events in log order and return those that are not duplicates.

        Every conversation that the ledger holds must be in `conversations` before one of its events is folded.
        """
        conversations, touched, books = self.conversations, self.touched, self.books
        apply, is_known_type = self._life_cycle.apply, KNOWN_TYPES.__contains__
        channels = self.rules.config.channels
        lateness_ms = self.rules.allowed_lateness_ms
        watermark, open_count = self.watermark, self.open_count
        horizon_minute = -1
        accepted = AcceptedEvents()
        add_event, add_cell, add_late = accepted.events.append, accepted.cells.append, accepted.is_late.append
        for event in events:
            key, digest = event.key, event.digest
            conversation = conversations.get(key)
            occurred_at, ingested_at = event.occurred_at, event.ingested_at
            # If a wrong clock has moved the watermark into the future, the timestamp of the event's own record counts.
            horizon = ingested_at if 0 < ingested_at < watermark else watermark
            if horizon // MINUTE_MS != horizon_minute:
                horizon_minute = horizon // MINUTE_MS
                self.deltas.advance(horizon_minute * MINUTE_MS)
            if conversation is not None and digest in conversation.digests and conversation.remembers(digest):
                books.duplicate += 1
            else:
                is_late = occurred_at < watermark - lateness_ms
                books.applied += 1
                if is_late:
                    books.late += 1
                if event.is_clamped:
                    books.clamped += 1
                channel = event.data.channel
                if channel and channel not in channels:
                    books.unknown_channel += 1
                if not is_known_type(event.type):
                    books.ignored += 1
                    if conversation is None:
                        conversation = conversations[key] = not_begun(self.cells, key)
                elif conversation is None or conversation.state == NOT_BEGUN:
                    begun = apply(None, event)
                    if conversation is not None:
                        begun.digests = conversation.digests
                    conversation = conversations[key] = begun
                    open_count += begun.state == OPEN
                else:
                    was_open = conversation.state == OPEN
                    apply(conversation, event)
                    open_count += (conversation.state == OPEN) - was_open
                if conversation.remember(digest):
                    books.forgotten += 1
                touched.add(key)
                add_cell(conversation.cell)
                add_event(event)
                add_late(is_late)
            if occurred_at > watermark:
                watermark = occurred_at
        self.watermark, self.open_count = watermark, open_count
        return accepted

    def take_touched(self) -> set[str]:
        """Return the keys of the conversations touched since the last call."""
        touched, self.touched = self.touched, set()
        return touched

    def take_facts(self) -> list[ConversationFact]:
        """Return the facts about known customers since the last call, in log order."""
        facts = self.facts.copy()
        self.facts.clear()
        return facts
