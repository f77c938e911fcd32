"""Self-service sessions: contacts that begin on the channel of that name, until they end or a human takes over."""

from streams.conversations.context import Context
from streams.conversations.conversation import Conversation
from streams.conversations.facts import Kind, tell
from streams.events import Event
from streams.panes.counters import Counter

SELF_SERVICE = "self_service"


def end_session(context: Context, conversation: Conversation, event: Event, at: int, *, is_contained: bool) -> None:
    """The session ended at `at`: contained, or with a human. `is_session` must be true; it has no second end."""
    conversation.is_session = False
    pane = context.panes.pane(at, conversation.cell)
    pane[Counter.SESSION_ENDED] += 1
    if is_contained:
        pane[Counter.SESSION_CONTAINED] += 1
    if conversation.customer:
        tell(context.facts, conversation, event, Kind.CONTAINED if is_contained else Kind.HANDED_ON, at)


def meet_human(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    """The customer came to a human at `at`, by a handoff or by the first word of an agent."""
    if conversation.customer:
        tell(context.facts, conversation, event, Kind.HUMAN, at)
    if conversation.is_session:
        end_session(context, conversation, event, at, is_contained=False)
