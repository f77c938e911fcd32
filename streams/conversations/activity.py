"""Occurrences, the events that do not change a conversation's life cycle: messages, callbacks, solutions, shares.

They are counted at their own minute, however late they arrive.
"""

from collections.abc import Callable

from streams.conversations.community import accept_solution, answer_as_peer, speak_as_agent
from streams.conversations.context import Context
from streams.conversations.conversation import AGENT, CUSTOMER, OPEN, Conversation
from streams.conversations.responses import answer, begin_episode, wait_on_agent
from streams.conversations.self_service import reach_human
from streams.events import Event
from streams.panes.counters import Counter
from streams.rules import FIRST_RESPONSE, NEXT_RESPONSE

Occurrence = Callable[[Context, Conversation, Event, int], None]

DIRECTION_COUNTERS: dict[str, int] = {
    "inbound": Counter.INBOUND_MESSAGE,
    "outbound": Counter.OUTBOUND_MESSAGE,
    "internal": Counter.INTERNAL_MESSAGE,
}

SPEAKER_COUNTERS: dict[str | None, int] = {
    "agent": Counter.AGENT_MESSAGE,
    "peer": Counter.PEER_MESSAGE,
    "bot": Counter.BOT_MESSAGE,
}


def message(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    data = event.data
    pane = context.panes.pane(at, conversation.cell)
    speaker = data.actor_kind
    direction = data.direction or ("inbound" if speaker == CUSTOMER else "outbound")
    conversation.message_count += 1
    pane[DIRECTION_COUNTERS[direction]] += 1
    if speaker in SPEAKER_COUNTERS:
        pane[SPEAKER_COUNTERS[speaker]] += 1
    if data.reach:
        pane[Counter.REACH] += data.reach
    if speaker == AGENT and direction == "outbound" and not conversation.has_agent_spoken:
        speak_as_agent(conversation, pane)
        reach_human(context, conversation, event, at)
    if conversation.state != OPEN:
        _after_departure(conversation, speaker, direction, at)
        return
    if speaker == CUSTOMER:
        _ask(conversation, at)
        wait_on_agent(context, conversation, at)
        if not conversation.episode_since:
            # A reopening never restarts the first response.
            is_first = not (conversation.first_response_at or conversation.reopened_count)
            begin_episode(context, conversation, FIRST_RESPONSE if is_first else NEXT_RESPONSE, at)
    elif speaker == AGENT and direction == "outbound":
        answer(context, conversation, at, pane)
    elif speaker == "peer" and direction == "outbound" and not conversation.has_peer_answered:
        answer_as_peer(conversation, at, pane)


def _after_departure(conversation: Conversation, speaker: str | None, direction: str, at: int) -> None:
    """Keep the customer's earliest unanswered message since the departure, for a reopening."""
    if speaker == CUSTOMER and at >= conversation.departed_at:
        _ask(conversation, at)
    elif speaker == AGENT and direction == "outbound":
        conversation.asked_at = 0


def _ask(conversation: Conversation, at: int) -> None:
    """Keep the customer's message at `at` if it is the earliest unanswered one."""
    if not conversation.asked_at or at < conversation.asked_at:
        conversation.asked_at = at


def callback_requested(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    context.panes.add(at, conversation.cell, Counter.CALLBACK_REQUESTED, 1)


def callback_completed(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    context.panes.add(at, conversation.cell, Counter.CALLBACK_COMPLETED, 1)


def solution(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    sign = 1 if event.type == "solution.accepted" else -1
    pane = context.panes.pane(at, conversation.cell)
    pane[Counter.SOLUTION_ACCEPTED] += sign
    if event.data.actor_kind == "peer":
        pane[Counter.SOLUTION_ACCEPTED_FROM_PEER] += sign
        accept_solution(conversation, pane, sign)


def public(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    pane = context.panes.pane(at, conversation.cell)
    pane[Counter.SHARED if event.type == "public.shared" else Counter.REACTED] += 1
    if event.data.reach:
        pane[Counter.REACH] += event.data.reach


def nothing(context: Context, conversation: Conversation, event: Event, at: int) -> None:
    """Do nothing: an SLA target only changes the clocks, which `apply` does for every event that carries one."""


OCCURRENCES: dict[str, Occurrence] = {
    "message.created": message,
    "callback.requested": callback_requested,
    "callback.completed": callback_completed,
    "solution.accepted": solution,
    "solution.unaccepted": solution,
    "public.shared": public,
    "public.reacted": public,
    "sla.target_set": nothing,
}
