"""Self-service sessions: contacts that begin on the channel of that name, until they end or reach a human."""

from streams.conversations.context import Context
from streams.conversations.conversation import Conversation
from streams.conversations.facts import Kind, add_fact
from streams.events import Event
from streams.panes.counters import Counter

SELF_SERVICE = "self_service"


def end_session(context: Context, conversation: Conversation, event: Event, at: int, *, is_contained: bool) -> None:
    """End the session at `at`: contained, or with a human. Requires `is_session`; a session ends once."""
    conversation.is_session = False
    pane = context.panes.pane(at, conversation.cell)
    pane[Counter.SESSION_ENDED] += 1
    if is_contained:
        pane[Counter.SESSION_CONTAINED] += 1
    if conversation.customer:
        add_fact(context.facts, conversation, event, Kind.CONTAINED if is_contained else Kind.HANDED_ON, at)


def reach_human(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    """Record that the customer reached a human at `at`, by a handoff or an agent's first message."""
    if conversation.customer:
        add_fact(context.facts, conversation, event, Kind.HUMAN, at)
    if conversation.is_session:
        end_session(context, conversation, event, at, is_contained=False)
