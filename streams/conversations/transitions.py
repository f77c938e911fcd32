"""The transitions of a conversation: the effect of each type of event on its life cycle and on the panes.

Life-cycle time never decreases: for a transition dated before the last one, the caller passes the time of the last one.
"""

from collections.abc import Callable

from streams.conversations.context import Context
from streams.conversations.conversation import AGENT, CUSTOMER, OPEN, UNANSWERED, Conversation
from streams.conversations.facts import Kind, add_beginning, add_fact, withdraw_beginning
from streams.conversations.late_opening import open_late
from streams.conversations.moves import assign_cell, relocate
from streams.conversations.opening import filled_cell, reopen
from streams.conversations.resolution import record_resolution
from streams.conversations.responses import hand_off, wait_on_agent
from streams.conversations.self_service import end_session, reach_human
from streams.conversations.sla import cancel_clocks, pause_clocks, stop_clock
from streams.conversations.stocks import count_stocks, end_waiting, wait_on
from streams.events import DEPARTURES, Event
from streams.panes.counters import Counter
from streams.rules import RESOLUTION

#: Returns whether the event was a transition; one that changes nothing does not advance life-cycle time.
Transition = Callable[[Context, Conversation, Event, int], bool]

DEPARTURE_COUNTERS: dict[str, int] = {
    "resolved": Counter.RESOLVED,
    "closed": Counter.CLOSED,
    "abandoned": Counter.ABANDONED,
    "merged": Counter.MERGED,
    "deleted": Counter.DELETED,
}

ESCALATION_COUNTERS: dict[str, int] = {
    "functional": Counter.ESCALATED_FUNCTIONAL,
    "hierarchical": Counter.ESCALATED_HIERARCHICAL,
    "regulatory": Counter.ESCALATED_REGULATORY,
}


def reopen_with(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    """Reopen a departed conversation at `at`, with the dimensions that the event carries."""
    relocate(context, conversation, event, at)
    reopen(context, conversation, at)


def opened(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    is_open = conversation.state == OPEN
    if not conversation.has_opened and (is_open or event.occurred_at < conversation.departed_at):
        if conversation.customer and conversation.is_contact:
            withdraw_beginning(context.facts, conversation, event)
        open_late(context, conversation, event)
        if conversation.customer and conversation.is_contact:
            add_beginning(context.facts, conversation, event, conversation.opening_cell)
        return True
    if is_open:
        known = context.cells[conversation.cell]
        cell = filled_cell(context.rules, known, event)
        if cell != known:
            assign_cell(context, conversation, known, cell, at)
        return False
    conversation.has_opened = True
    conversation.first_turn = None
    reopen_with(context, conversation, event, at)
    return True


def reopened(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    if conversation.state == OPEN:
        relocate(context, conversation, event, at)
        return False
    reopen_with(context, conversation, event, at)
    return True


def departed(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    relocate(context, conversation, event, at)
    if conversation.state != OPEN or (
        event.type == "conversation.merged" and event.data.into_id == conversation.conversation_id
    ):
        return False
    panes, cell = context.panes, conversation.cell
    state = DEPARTURES[event.type]
    panes.add_backlog(at, cell, DEPARTURE_COUNTERS[state], 1)
    if state == "resolved":
        stop_clock(panes, conversation, RESOLUTION, at)
    conversation.end_first_turn(UNANSWERED, at)
    cancel_clocks(panes, conversation, at)
    count_stocks(panes, conversation, -1)
    end_waiting(conversation, at)
    conversation.state = state
    conversation.departed_at = at
    if state == "resolved":
        conversation.resolved_at = at
        record_resolution(context, conversation, cell)
        if conversation.customer:
            add_fact(context.facts, conversation, event, Kind.RESOLVED, at)
    if conversation.is_session:
        end_session(context, conversation, event, at, is_contained=True)
    return True


def routed(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    relocate(context, conversation, event, at)
    return True


def queued(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    relocate(context, conversation, event, at)
    if conversation.customer:
        add_fact(context.facts, conversation, event, Kind.WAITED, at)
    return True


def transferred(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    earlier = conversation.queues
    before = relocate(context, conversation, event, at)
    conversation.transferred_count += 1
    pane = context.panes.pane(at, conversation.cell)
    pane[Counter.TRANSFERRED] += 1
    queue = event.data.queue
    if queue and queue != before and queue in earlier:
        pane[Counter.PING_PONG] += 1
    if conversation.customer:
        add_fact(context.facts, conversation, event, Kind.TRANSFERRED, at)
    return True


def escalated(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    relocate(context, conversation, event, at)
    kind = event.data.kind or ""
    if kind == "handoff":
        if hand_off(context, conversation, at):
            reach_human(context, conversation, event, at)
    else:
        conversation.escalated_count += 1
        context.panes.add(at, conversation.cell, ESCALATION_COUNTERS[kind], 1)
    return True


def handed_off(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    relocate(context, conversation, event, at)
    if hand_off(context, conversation, at):
        reach_human(context, conversation, event, at)
    return True


def waiting(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    relocate(context, conversation, event, at)
    party = event.data.waiting_on or CUSTOMER
    if conversation.state == OPEN:
        if party == AGENT:
            wait_on_agent(context, conversation, at)
        else:
            wait_on(context.panes, conversation, party, at)
            if not conversation.is_paused:
                pause_clocks(context, conversation, at)
    return True


def resumed(context: Context, conversation: Conversation, event: Event, at: int) -> bool:
    relocate(context, conversation, event, at)
    if conversation.state == OPEN:
        wait_on_agent(context, conversation, at)
    return True


TRANSITIONS: dict[str, Transition] = {
    "conversation.opened": opened,
    "conversation.queued": queued,
    "conversation.assigned": routed,
    "conversation.transferred": transferred,
    "conversation.escalated": escalated,
    "bot.handed_off": handed_off,
    "conversation.waiting": waiting,
    "conversation.resumed": resumed,
    "conversation.reopened": reopened,
    **dict.fromkeys(DEPARTURES, departed),
}
