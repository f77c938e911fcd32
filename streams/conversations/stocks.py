"""Stocks: what a conversation adds to the panes while it is open, and how that moves with it.

A stock is counted at a minute of the conversation, so no timer is needed: the age of the backlog is `now` minus the
minute of `open_since`, a missed SLA target is a due minute that has passed, an expiry one that has been reached.
"""

from streams.conversations.context import Context
from streams.conversations.conversation import AGENT, CUSTOMER, EXPIRED, THIRD_PARTY, UNANSWERED, Conversation
from streams.conversations.sla import count_due
from streams.days import END_MS
from streams.panes.counters import Counter
from streams.panes.deltas import COUNTER_BITS, HOUR_MS, PaneDeltas

WAITING = {
    AGENT: Counter.WAITING_AGENT,
    CUSTOMER: Counter.WAITING_CUSTOMER,
    THIRD_PARTY: Counter.WAITING_THIRD_PARTY,
}


def count_stocks(panes: PaneDeltas, conversation: Conversation, sign: int) -> None:
    """Add (+1) or remove (−1) the stocks of an open conversation in its cell, except its clocks."""
    cell = conversation.cell
    expires_at = conversation.expires_at
    spread = expires_at // HOUR_MS << COUNTER_BITS
    panes.pane(conversation.open_since, cell)[spread | Counter.OPEN_SINCE] += sign
    panes.pane(conversation.waiting_since, cell)[spread | WAITING[conversation.waiting_on]] += sign
    if expires_at:
        panes.add_backlog(expires_at, cell, Counter.EXPIRING, sign)


def move(panes: PaneDeltas, conversation: Conversation, cell: int, at: int) -> None:
    """Move an open conversation to another cell at `at`: its place in the backlog, its stocks and its clocks."""
    panes.add_backlog(at, conversation.cell, Counter.MOVED_OUT, 1)
    panes.add_backlog(at, cell, Counter.MOVED_IN, 1)
    count_stocks(panes, conversation, -1)
    conversation.cell = cell
    count_stocks(panes, conversation, 1)
    if conversation.clocks:
        moved = []
        for clock in conversation.clocks:
            if clock.due_at >= at:
                count_due(panes, conversation.expires_at, clock, -1)
                clock = clock._replace(cell=cell)
                count_due(panes, conversation.expires_at, clock, 1)
            elif not clock.due_at:
                clock = clock._replace(cell=cell)
            moved.append(clock)
        conversation.clocks = tuple(moved)


def wait_on(panes: PaneDeltas, conversation: Conversation, party: str, at: int) -> None:
    """Let an open conversation wait on `party` from `at` on."""
    before = conversation.waiting_on
    if before == party:
        return
    since = conversation.waiting_since
    at = at if at > since else since
    spread, cell = conversation.expires_at // HOUR_MS << COUNTER_BITS, conversation.cell
    panes.pane(since, cell)[spread | WAITING[before]] -= 1
    panes.pane(at, cell)[spread | WAITING[party]] += 1
    if before == CUSTOMER:
        conversation.customer_wait_ms += at - since
    conversation.waiting_on = party
    conversation.waiting_since = at


def postpone_expiry(context: Context, conversation: Conversation, at: int) -> None:
    """Move the expiry to the full hour after the channel's idle limit from `at` on; remove it without a limit."""
    if not context.rules.has_idle_limits:
        return
    panes, limit_ms = context.panes, context.rules.idle_limit_ms(context.cells.by_number[conversation.cell].channel)
    expires_at = min(-(-(at + limit_ms) // HOUR_MS) * HOUR_MS, END_MS) if limit_ms else 0
    before = conversation.expires_at
    if expires_at == before or (limit_ms and expires_at < before):
        return
    count_stocks(panes, conversation, -1)
    for clock in conversation.clocks:
        if clock.due_at >= at:
            count_due(panes, conversation.expires_at, clock, -1)
    conversation.expires_at = expires_at
    count_stocks(panes, conversation, 1)
    for clock in conversation.clocks:
        if clock.due_at >= at:
            count_due(panes, conversation.expires_at, clock, 1)


def expire(conversation: Conversation) -> None:
    """Mark the conversation as departed at its expiry, which the panes have counted all along."""
    conversation.end_first_turn(UNANSWERED, conversation.expires_at)
    conversation.state = EXPIRED
    conversation.departed_at = conversation.expires_at
    conversation.changed_at = max(conversation.changed_at, conversation.expires_at)
    end_waiting(conversation, conversation.expires_at)


def end_waiting(conversation: Conversation, at: int) -> None:
    """End all waiting, and add up the time waited on the customer. The panes are left to the caller."""
    if conversation.waiting_on == CUSTOMER:
        conversation.customer_wait_ms += max(0, at - conversation.waiting_since)
    conversation.waiting_on = ""
    conversation.waiting_since = 0
    conversation.episode_since = conversation.asked_at = 0
    conversation.expires_at = 0
    conversation.has_handoff = False
    conversation.is_paused = False
    conversation.clocks = ()
