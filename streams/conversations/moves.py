"""The cell of a conversation: the dimensions that an event carries, and the resulting moves."""

from streams.conversations.context import Context
from streams.conversations.conversation import OPEN, REMEMBERED_QUEUES, Conversation
from streams.conversations.stocks import move
from streams.events import Event
from streams.panes.cells import Cell


def relocate(context: Context, conversation: Conversation, event: Event, at: int) -> str:
    """Apply the dimensions that an event carries; return the previous queue."""
    data = event.data
    known = context.cells.by_number[conversation.cell]
    tenant, queue, channel, visibility = known
    new_channel = data.channel or channel
    new_visibility: str = data.visibility or ""
    if not new_visibility:
        new_visibility = visibility if new_channel == channel else context.rules.visibility(new_channel)
    new_tenant, new_queue = event.tenant or tenant, data.queue or queue
    if new_queue != queue or new_channel != channel or new_visibility != visibility or new_tenant != tenant:
        assign_cell(context, conversation, known, Cell(new_tenant, new_queue, new_channel, new_visibility), at)
    return queue


def assign_cell(context: Context, conversation: Conversation, known: Cell, cell: Cell, at: int) -> None:
    """Assign `cell` to the conversation from `at` on; an open one moves with everything that it adds to the panes."""
    number = context.admission.number(cell)
    if number == conversation.cell:
        # Both are beyond the limit of cells, and counted in the same one.
        return
    if conversation.state == OPEN:
        conversation.changed_at = max(conversation.changed_at, at)
        move(context.panes, conversation, number, at)
    else:
        conversation.cell = number
    if cell.queue != known.queue and known.queue and known.queue not in conversation.queues:
        conversation.queues = (*conversation.queues, known.queue)[-REMEMBERED_QUEUES:]
