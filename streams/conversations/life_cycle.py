"""The life cycle of a conversation as a table: the effect of each type of event on it and on the panes.

Life-cycle time never decreases: events are folded in log order, and a transition dated before the conversation's last
one takes that one's time (`is_reordered`). Messages, shares, solutions, callbacks and SLA targets keep their own
minute.
"""

from streams.conversations.activity import OCCURRENCES
from streams.conversations.context import Context
from streams.conversations.conversation import EXPIRED, OPEN, Conversation
from streams.conversations.facts import ConversationFact, add_beginning
from streams.conversations.moves import relocate
from streams.conversations.opening import begin
from streams.conversations.sla import set_target
from streams.conversations.stocks import expire, postpone_expiry
from streams.conversations.transitions import TRANSITIONS, reopen_with
from streams.events import DEPARTURES, Event
from streams.panes.admission import Admission
from streams.panes.cells import CellIndex
from streams.panes.deltas import PaneDeltas
from streams.rules import CLOCK_KINDS, Rules


class LifeCycle:
    """The application of events to conversations. Counts go to `panes`, facts for other conversations to `facts`."""

    def __init__(
        self, rules: Rules, cells: CellIndex, admission: Admission, panes: PaneDeltas, facts: list[ConversationFact]
    ) -> None:
        self._context = Context(rules, cells, admission, panes, facts)

    def apply(self, conversation: Conversation | None, event: Event) -> Conversation:
        """Apply an event of a known type that is no duplicate. Return the conversation; None begins one."""
        if conversation is None:
            conversation = begin(self._context, event)
            if event.type != "conversation.opened":
                self._transition(conversation, event)
        else:
            if event.customer and not conversation.customer:
                conversation.customer = event.customer
                if conversation.is_contact:
                    add_beginning(self._context.facts, conversation, event, conversation.cell)
            if conversation.expires_at and event.occurred_at >= conversation.expires_at:
                expire(conversation)
            self._transition(conversation, event)
            if conversation.state == OPEN:
                postpone_expiry(self._context, conversation, event.occurred_at)
        if event.due_at and event.data.clock:
            self._set_target(conversation, event)
        return conversation

    def _transition(self, conversation: Conversation, event: Event) -> None:
        at = event.occurred_at
        kind = event.type
        handler = TRANSITIONS.get(kind)
        if handler is not None:
            before = conversation.changed_at
            if at < before:
                at = before
            if conversation.state == EXPIRED and kind not in DEPARTURES and kind != "conversation.opened":
                reopen_with(self._context, conversation, event, at)
            if handler(self._context, conversation, event, at):
                conversation.changed_at = at
                if event.occurred_at < before:
                    conversation.is_reordered = True
        else:
            if conversation.state == EXPIRED:
                reopen_with(self._context, conversation, event, max(at, conversation.changed_at))
            relocate(self._context, conversation, event, max(at, conversation.changed_at))
            OCCURRENCES[kind](self._context, conversation, event, at)

    def _set_target(self, conversation: Conversation, event: Event) -> None:
        if conversation.state == OPEN:
            kind = CLOCK_KINDS.index(event.data.clock or "")
            set_target(self._context, conversation, kind, event.occurred_at, event.due_at)
