"""Whose turn it is: waiting episodes, the answers that end them, and the SLA clocks that run meanwhile."""

from streams.conversations.context import Context
from streams.conversations.conversation import AGENT, ANSWERED, CUSTOMER, HANDED_OFF, OPEN, Conversation
from streams.conversations.sla import resume_clocks, start_clock, stop_clock
from streams.conversations.stocks import wait_on
from streams.panes.counters import Counter
from streams.panes.deltas import Pane, pack_field
from streams.panes.histograms import bucket
from streams.rules import FIRST_RESPONSE, NEXT_RESPONSE


def wait_on_agent(context: Context, conversation: Conversation, at: int) -> None:
    """Let the conversation wait on the agent from `at` on; resume paused clocks, but not before the last transition.

    That transition is not before the pause, so a late message never charges the same time to a clock twice.
    """
    wait_on(context.panes, conversation, AGENT, at)
    if conversation.is_paused:
        resume_clocks(context, conversation, max(at, conversation.changed_at))


def begin_episode(context: Context, conversation: Conversation, kind: int, at: int) -> None:
    """Begin a waiting episode at `at`, and start clock `kind` with it."""
    conversation.episode_since = at
    start_clock(context, conversation, kind, at)


def answer(context: Context, conversation: Conversation, at: int, pane: Pane) -> None:
    """Record an agent's message to the customer at `at`, which ends the episode, if any; `pane` is that of `at`."""
    panes, since = context.panes, conversation.episode_since
    if not conversation.has_opened:
        conversation.end_first_turn(ANSWERED, at)
    conversation.asked_at = 0
    if since:
        is_first = not conversation.first_response_at
        if is_first:
            conversation.first_response_at = at
        count_reply(context, pane, conversation.cell, since, at, is_first=is_first, sign=1)
        stop_clock(panes, conversation, FIRST_RESPONSE, at)
        stop_clock(panes, conversation, NEXT_RESPONSE, at)
        conversation.episode_since = 0
        conversation.has_handoff = False
    if conversation.waiting_on == AGENT:
        wait_on(panes, conversation, CUSTOMER, at)


def count_reply(context: Context, pane: Pane, cell: int, since: int, at: int, *, is_first: bool, sign: int) -> None:
    """Count (+1) or take back (−1) the answer at `at` to a wait from `since` on; `pane` is that of `at` and `cell`."""
    waited = bucket(at - since)
    waited_business = bucket(context.rules.business_ms(context.cells.by_number[cell].queue, since, at))
    pane[pack_field(Counter.REPLY, waited)] += sign
    pane[pack_field(Counter.REPLY_BUSINESS, waited_business)] += sign
    if is_first:
        pane[pack_field(Counter.FIRST_RESPONSE, waited)] += sign
        pane[pack_field(Counter.FIRST_RESPONSE_BUSINESS, waited_business)] += sign


def hand_off(context: Context, conversation: Conversation, at: int) -> bool:
    """Count a handoff from bot to human, once per waiting episode. Return whether it was counted.

    It begins a new episode for the response clock.
    """
    if conversation.has_handoff:
        return False
    conversation.has_handoff = True
    conversation.escalated_count += 1
    context.panes.add(at, conversation.cell, Counter.ESCALATED_HANDOFF, 1)
    if conversation.state == OPEN:
        conversation.end_first_turn(HANDED_OFF, at)
        wait_on_agent(context, conversation, at)
        begin_episode(context, conversation, FIRST_RESPONSE, at)
    return True
