"""The beginning of a conversation, and its reopening."""

from streams.conversations.context import Context
from streams.conversations.conversation import AGENT, CUSTOMER, NOT_BEGUN, OPEN, Conversation
from streams.conversations.facts import Kind, add_beginning, add_fact
from streams.conversations.resolution import take_back_resolution
from streams.conversations.responses import begin_episode
from streams.conversations.self_service import SELF_SERVICE
from streams.conversations.sla import start_clock
from streams.conversations.stocks import count_stocks, postpone_expiry
from streams.events import Event
from streams.panes.cells import Cell, CellIndex
from streams.panes.counters import Counter
from streams.rules import FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION, Rules


def is_inbound(event: Event) -> bool:
    """Return whether the customer began the contact: true unless an opening or a message says otherwise."""
    data = event.data
    if event.type not in ("conversation.opened", "message.created"):
        return True
    if data.direction:
        return data.direction != "outbound"
    return data.actor_kind in (None, "", "customer")


def is_contact(event: Event) -> bool:
    """Return whether an opening counts in the channel mix: inbound, and only once per transfer chain."""
    root_id = event.data.root_id
    return is_inbound(event) and (not root_id or root_id == event.conversation_id)


def own_cell(rules: Rules, event: Event) -> Cell:
    """Return the dimensions that the event itself carries."""
    data = event.data
    channel = data.channel or ""
    return Cell(event.tenant, data.queue or "", channel, data.visibility or rules.visibility(channel))


def not_begun(cells: CellIndex, key: str) -> Conversation:
    """Return a conversation with events of unknown types only. It counts nowhere and only keeps their identities."""
    cell = cells.number(Cell("", "", "", ""))
    return Conversation(
        key=key, cell=cell, opening_cell=cell, opened_at=0, open_since=0, changed_at=0, state=NOT_BEGUN, has_opened=True
    )


def begin(context: Context, event: Event) -> Conversation:
    """Begin a conversation with its first event: an opening, or implicitly with any other."""
    at = event.occurred_at
    number = context.admission.number(own_cell(context.rules, event))
    has_opened = event.type == "conversation.opened"
    inbound = is_inbound(event)
    conversation = Conversation(
        key=event.key,
        cell=number,
        opening_cell=number,
        opened_at=at,
        open_since=at,
        changed_at=at,
        waiting_on=AGENT if inbound else CUSTOMER,
        waiting_since=at,
        is_implicit=not has_opened,
        has_opened=has_opened,
        is_contact=is_contact(event),
        is_session=inbound and event.data.channel == SELF_SERVICE,
        customer=event.customer,
    )
    pane = context.panes.add_backlog(at, number, Counter.OPENED, 1)
    if conversation.is_contact:
        pane[Counter.CONTACT] += 1
    count_stocks(context.panes, conversation, 1)
    postpone_expiry(context, conversation, at)
    if inbound:
        conversation.episode_since = at
        start_clock(context, conversation, FIRST_RESPONSE, at)
    start_clock(context, conversation, RESOLUTION, at)
    if conversation.customer and conversation.is_contact:
        add_beginning(context.facts, conversation, event, number)
        if has_opened and event.data.queue:
            add_fact(context.facts, conversation, event, Kind.WAITED, at)
    return conversation


def reopen(context: Context, conversation: Conversation, at: int) -> None:
    """Reopen a departed conversation at `at`, waiting on the agent, and take back its resolution.

    An unanswered message of the customer since the departure begins a waiting episode: the source sent it before the
    reopening.
    """
    take_back_resolution(context.panes, conversation)
    conversation.state = OPEN
    conversation.changed_at = max(conversation.changed_at, at)
    conversation.open_since = at
    conversation.departed_at = conversation.resolved_at = 0
    conversation.waiting_on = AGENT
    conversation.waiting_since = at
    conversation.has_handoff = False
    conversation.reopened_count += 1
    context.panes.add_backlog(at, conversation.cell, Counter.REOPENED, 1)
    count_stocks(context.panes, conversation, 1)
    postpone_expiry(context, conversation, at)
    start_clock(context, conversation, RESOLUTION, at)
    if conversation.asked_at:
        begin_episode(context, conversation, NEXT_RESPONSE, conversation.asked_at)


def filled_cell(rules: Rules, known: Cell, event: Event) -> Cell:
    """Return `known` with empty dimensions filled from `event`: all that `opened` changes in an open conversation."""
    own = own_cell(rules, event)
    channel = known.channel or own.channel
    return Cell(
        known.tenant or own.tenant,
        known.queue or own.queue,
        channel,
        known.visibility or own.visibility or rules.visibility(channel),
    )
