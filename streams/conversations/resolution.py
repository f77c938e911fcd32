"""Time to resolution, counted at the last resolve and taken back by a reopening."""

from streams.conversations.context import Context
from streams.conversations.conversation import Conversation
from streams.panes.counters import Counter
from streams.panes.deltas import PaneDeltas, pack_field
from streams.panes.histograms import bucket


def record_resolution(context: Context, conversation: Conversation, cell: int) -> None:
    """Count last resolve − first opening, in calendar, business and service time, at the resolve and in `cell`.

    Service time excludes the time that the conversation waited on the customer. `resolved_at` must be set.
    """
    opened_at, resolved_at = conversation.opened_at, conversation.resolved_at
    conversation.resolution_cell = cell
    conversation.resolution_ms = resolved_at - opened_at
    conversation.resolution_business_ms = context.rules.business_ms(context.cells[cell].queue, opened_at, resolved_at)
    conversation.resolution_service_ms = resolved_at - opened_at - conversation.customer_wait_ms
    _count(context.panes, conversation, 1)


def take_back_resolution(panes: PaneDeltas, conversation: Conversation) -> None:
    """Take back what `record_resolution` counted, if anything; the count of resolves stays."""
    if conversation.resolved_at:
        _count(panes, conversation, -1)
        conversation.resolved_at = 0


def _count(panes: PaneDeltas, conversation: Conversation, sign: int) -> None:
    pane = panes.pane(conversation.resolved_at, conversation.resolution_cell)
    pane[pack_field(Counter.RESOLUTION, bucket(conversation.resolution_ms))] += sign
    pane[pack_field(Counter.RESOLUTION_BUSINESS, bucket(conversation.resolution_business_ms))] += sign
    pane[pack_field(Counter.RESOLUTION_SERVICE, bucket(conversation.resolution_service_ms))] += sign
