"""The `opened` of a conversation that began without one: what it moves, and what it re-evaluates.

It moves the opening to its own minute, if that is earlier, and re-evaluates whether the conversation was a contact and
who waited. The latter is limited to the first turn: up to an answer of an agent, a handoff or a departure.
"""

from typing import NamedTuple

from streams.conversations.context import Context
from streams.conversations.conversation import (
    AGENT,
    ANSWERED,
    CUSTOMER,
    HANDED_OFF,
    OPEN,
    Clock,
    Conversation,
    FirstTurn,
)
from streams.conversations.opening import filled_cell, is_contact, is_inbound, own_cell
from streams.conversations.resolution import record_resolution, take_back_resolution
from streams.conversations.responses import count_reply
from streams.conversations.sla import (
    count_due,
    count_met,
    drop_response_clocks,
    move_clock,
    pause_clock,
    start_clock,
)
from streams.conversations.stocks import count_stocks, move
from streams.events import Event
from streams.panes.counters import Counter
from streams.rules import FIRST_RESPONSE, RESOLUTION


def open_late(context: Context, conversation: Conversation, event: Event) -> None:
    """Apply the `opened` of an implicit conversation: fill unknown dimensions, move the opening to its minute."""
    conversation.has_opened = True
    at, first_at = event.occurred_at, conversation.opened_at
    is_open = conversation.state == OPEN
    filled = context.admission.number(filled_cell(context.rules, context.cells[conversation.cell], event))
    if filled != conversation.cell:
        if is_open:
            move(context.panes, conversation, filled, max(at, conversation.changed_at))
        else:
            conversation.cell = filled
    counted = is_contact(event)
    if at >= first_at:
        if counted != conversation.is_contact:
            context.panes.add(first_at, conversation.opening_cell, Counter.CONTACT, 1 if counted else -1)
            conversation.is_contact = counted
        _correct_who_waited(context, conversation, first_at, is_inbound(event))
        return
    cell, first_cell = context.admission.number(own_cell(context.rules, event)), conversation.opening_cell
    context.panes.add_backlog(first_at, first_cell, Counter.OPENED, -1)
    context.panes.add_backlog(at, cell, Counter.OPENED, 1)
    if cell != first_cell:
        context.panes.add_backlog(first_at, cell, Counter.MOVED_OUT, 1)
        context.panes.add_backlog(first_at, first_cell, Counter.MOVED_IN, 1)
    if conversation.is_contact:
        context.panes.add(first_at, first_cell, Counter.CONTACT, -1)
    if counted:
        context.panes.add(at, cell, Counter.CONTACT, 1)
    conversation.is_contact = counted
    conversation.opening_cell = cell
    _begin_earlier(context, conversation, at)
    _correct_who_waited(context, conversation, first_at, is_inbound(event))


def _begin_earlier(context: Context, conversation: Conversation, at: int) -> None:
    """Move the opening to `at`, and with it the start of the age, the time to resolution and its clock."""
    first_at = conversation.opened_at
    resolved_at = conversation.resolved_at
    if resolved_at:
        take_back_resolution(context.panes, conversation)
    conversation.opened_at = at
    if resolved_at:
        conversation.resolved_at = resolved_at
        record_resolution(context, conversation, conversation.resolution_cell)
    if conversation.state != OPEN or conversation.reopened_count:
        return
    count_stocks(context.panes, conversation, -1)
    conversation.open_since = at
    if conversation.waiting_since == first_at:
        conversation.waiting_since = at
    count_stocks(context.panes, conversation, 1)
    move_clock(context, conversation, RESOLUTION, first_at, at)


class _Wait(NamedTuple):
    """Whom a conversation waits on, since when, and how long it had waited on the customer before."""

    party: str
    since: int
    customer_wait_ms: int


def _correct_who_waited(context: Context, conversation: Conversation, first_at: int, inbound: bool) -> None:
    """Correct who waited after the opening, counted at `first_at` so far, by whether it was the customer's (`inbound`).

    Whatever came after the first turn stays as it was counted.
    """
    turn, conversation.first_turn = conversation.first_turn, None
    if turn is None:
        if conversation.state == OPEN and not conversation.has_handoff:
            _correct_running_turn(context, conversation, first_at, inbound)
    elif turn.outcome != HANDED_OFF:
        _correct_ended_turn(context, conversation, turn, first_at, inbound)


def _correct_running_turn(context: Context, conversation: Conversation, first_at: int, inbound: bool) -> None:
    """Correct a turn without an answer so far: its waiting episode, SLA clock and party waited on."""
    opened_at, asked_at, before = conversation.opened_at, conversation.asked_at, conversation.episode_since
    since = conversation.episode_since = opened_at if inbound else asked_at
    if before and not since:
        drop_response_clocks(context.panes, conversation)
    elif before:
        move_clock(context, conversation, FIRST_RESPONSE, before, since)
    elif since:
        start_clock(context, conversation, FIRST_RESPONSE, since)
        if conversation.is_paused:
            pause_clock(context, conversation, FIRST_RESPONSE, conversation.waiting_since)
    _correct_wait(
        context,
        conversation,
        _wait(opened_at, before == first_at, asked_at),
        _wait(opened_at, inbound, asked_at),
    )


def _correct_ended_turn(
    context: Context, conversation: Conversation, turn: FirstTurn, first_at: int, inbound: bool
) -> None:
    """Correct the response that ended the first turn, and its SLA clock."""
    opened_at = conversation.opened_at
    since = opened_at if inbound else turn.asked_at
    if since == turn.since:
        return
    is_first = bool(turn.since) or not conversation.first_response_at
    corrected = turn._replace(since=since, clock=_clock_from(context, turn, since))
    _count_turn(context, turn, is_first, -1)
    _count_turn(context, corrected, is_first, 1)
    if turn.outcome != ANSWERED:
        return
    if is_first:
        conversation.first_response_at = turn.at if since else 0
    if conversation.state == OPEN:
        before = _answered(_wait(opened_at, turn.since == first_at, turn.asked_at), turn.at)
        _correct_wait(context, conversation, before, _answered(_wait(opened_at, inbound, turn.asked_at), turn.at))


def _clock_from(context: Context, turn: FirstTurn, since: int) -> Clock | None:
    """Return the first response clock at the end of a turn, had the episode begun at `since`."""
    if not since:
        return None
    rules, clock = context.rules, turn.clock
    queue = clock.calendar if clock else context.cells[turn.cell].queue
    target_ms = rules.target_ms(queue, FIRST_RESPONSE)
    if target_ms is None:
        return clock
    due_at = rules.hours(queue).after(since, target_ms)
    if clock is None:
        return Clock(FIRST_RESPONSE, due_at, 0, queue, turn.cell)
    is_target = clock.due_at == rules.hours(queue).after(turn.since, target_ms)
    return clock._replace(due_at=due_at) if is_target else clock


def _count_turn(context: Context, turn: FirstTurn, is_first: bool, sign: int) -> None:
    """Count (+1) or take back (−1) what the end of a turn counted."""
    panes, clock, at = context.panes, turn.clock, turn.at
    if turn.outcome == ANSWERED:
        if turn.since:
            pane = panes.pane(at, turn.cell)
            count_reply(context, pane, turn.cell, turn.since, at, is_first=is_first, sign=sign)
        if clock and not count_met(panes, clock, turn.cell, at, sign):
            count_due(panes, 0, clock, sign)
    elif clock and 0 < clock.due_at <= at:
        count_due(panes, 0, clock, sign)


def _wait(opened_at: int, inbound: bool, asked_at: int) -> _Wait:
    """Return who waits from the opening on while nobody has answered."""
    if inbound:
        return _Wait(AGENT, opened_at, 0)
    if not asked_at:
        return _Wait(CUSTOMER, opened_at, 0)
    since = max(opened_at, asked_at)
    return _Wait(AGENT, since, since - opened_at)


def _answered(wait: _Wait, at: int) -> _Wait:
    """Return the wait after an answer at `at`."""
    return wait._replace(party=CUSTOMER, since=max(wait.since, at)) if wait.party == AGENT else wait


def _correct_wait(context: Context, conversation: Conversation, before: _Wait, after: _Wait) -> None:
    """Replace the wait `before` by `after`, if it still holds and no event has set it otherwise."""
    if conversation.is_paused or (conversation.waiting_on, conversation.waiting_since) != before[:2]:
        return
    count_stocks(context.panes, conversation, -1)
    conversation.waiting_on, conversation.waiting_since = after.party, after.since
    conversation.customer_wait_ms += after.customer_wait_ms - before.customer_wait_ms
    count_stocks(context.panes, conversation, 1)
