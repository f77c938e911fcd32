"""A late opening, for the batch oracle: where it counts, what began with it, and who had waited.

All of it follows paragraph (4) of docs/decisions/0001.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.oracle.changes import FirstTurn, ResponseTime
from tests.oracle.clocks import RESPONSE_KINDS, Cell, Clock
from tests.oracle.records import Event

if TYPE_CHECKING:
    from tests.oracle.fold import Conversation


def open_late(conversation: Conversation, event: Event) -> None:
    """Move the opening to its own minute and dimensions, if earlier; recompute its mix."""
    first_at_ms, first_cell = conversation.opened_at_ms, conversation.opening_cell
    mix_count = conversation.mix_count(event)
    if event.occurred_at_ms < first_at_ms:
        own_cell = conversation.cell_after(event, before=Cell("", "", "", ""))
        conversation.count("arrived", first_at_ms, -1, first_cell)
        conversation.count("arrived", event.occurred_at_ms, +1, own_cell)
        if own_cell != first_cell:
            conversation.count("moved_out", first_at_ms, +1, own_cell)
            conversation.count("moved_in", first_at_ms, +1, first_cell)
        conversation.opened_at_ms, conversation.opening_cell = event.occurred_at_ms, own_cell
    conversation.count("opened_inbound", first_at_ms, -conversation.opening_mix_count, first_cell)
    conversation.count("opened_inbound", conversation.opened_at_ms, mix_count, conversation.opening_cell)
    conversation.opening_mix_count = mix_count
    conversation.began = None
    if mix_count:
        conversation.begin_as_contact(event, conversation.opening_cell)


def move_beginning(conversation: Conversation, first_at_ms: int) -> None:
    """Date what began at the assumed opening `first_at_ms` and still runs to the real opening."""
    at_ms = conversation.opened_at_ms
    if conversation.resolution is not None:
        conversation.response_times.remove(conversation.resolution)
        conversation.resolution = conversation.resolution._replace(duration_ms=conversation.resolution.at_ms - at_ms)
        conversation.response_times.append(conversation.resolution)
    if conversation.state != "open" or conversation.reopened_count:
        return
    conversation.open_since_ms = at_ms
    if conversation.waiting_since_ms == first_at_ms:
        conversation.waiting_since_ms = at_ms
    conversation.clocks.begin_earlier("resolution", first_at_ms, at_ms)


def correct_first_turn(conversation: Conversation, first_at_ms: int, is_inbound: bool) -> None:
    """Correct the first turn, and its SLA clock, now that it is known who opened the conversation."""
    turn = conversation.first_turn
    if turn is None:
        if conversation.state == "open" and not conversation.is_handoff_counted:
            _correct_running_turn(conversation, first_at_ms, is_inbound)
    elif turn.how == "answered":
        _correct_answered_turn(conversation, turn, first_at_ms, is_inbound)
    elif turn.how == "departed":
        start_ms = conversation.opened_at_ms if is_inbound else turn.asked_at_ms
        if start_ms != turn.start_ms:
            clock = _clock_from(conversation, turn, start_ms)
            if clock is not None and clock.remaining_ms is None and clock.due_at_ms <= turn.at_ms:
                conversation.clocks.all.append(clock)


def _correct_running_turn(conversation: Conversation, first_at_ms: int, is_inbound: bool) -> None:
    asked_at_ms, before_ms = conversation.asked_at_ms, conversation.episode_start_ms
    start_ms = conversation.opened_at_ms if is_inbound else asked_at_ms
    conversation.episode_start_ms = start_ms
    if before_ms is not None and start_ms is None:
        conversation.clocks.remove(*RESPONSE_KINDS)
    elif before_ms is not None and start_ms is not None:
        conversation.clocks.begin_earlier("first_response", before_ms, start_ms)
    elif start_ms is not None:
        conversation.clocks.start_and_pause(
            "first_response", start_ms, conversation.cell, conversation.waiting_since_ms
        )
    conversation.had_episode = start_ms is not None
    before = _waits(conversation.opened_at_ms, before_ms == first_at_ms, asked_at_ms)
    _correct_wait(conversation, before, _waits(conversation.opened_at_ms, is_inbound, asked_at_ms))


def _correct_answered_turn(conversation: Conversation, turn: FirstTurn, first_at_ms: int, is_inbound: bool) -> None:
    start_ms = conversation.opened_at_ms if is_inbound else turn.asked_at_ms
    if start_ms == turn.start_ms:
        return
    kinds = ["reply"]
    if turn.start_ms is not None or conversation.first_response_at_ms is None:
        kinds.append("first_response")
        conversation.first_response_at_ms = None if start_ms is None else turn.at_ms
    for kind in kinds:
        if turn.start_ms is not None:
            before_ms = max(0, turn.at_ms - turn.start_ms)
            conversation.response_times.remove(ResponseTime(kind, turn.at_ms, turn.cell, before_ms))
        if start_ms is not None:
            duration_ms = max(0, turn.at_ms - start_ms)
            conversation.response_times.append(ResponseTime(kind, turn.at_ms, turn.cell, duration_ms))
    conversation.had_episode = bool(
        conversation.first_response_at_ms is not None or conversation.episode_start_ms or conversation.reopened_count
    )
    clock = _clock_from(conversation, turn, start_ms)
    if clock is not None:
        if clock.is_past_due(turn.at_ms):
            clock.outcome, clock.at_ms = "missed", clock.due_at_ms
        else:
            clock.outcome, clock.at_ms, clock.cell = "met", turn.at_ms, turn.cell
        conversation.clocks.all.append(clock)
    if conversation.state == "open":
        before = _answered(_waits(conversation.opened_at_ms, turn.start_ms == first_at_ms, turn.asked_at_ms), turn)
        after = _answered(_waits(conversation.opened_at_ms, is_inbound, turn.asked_at_ms), turn)
        _correct_wait(conversation, before, after)


def _clock_from(conversation: Conversation, turn: FirstTurn, start_ms: int | None) -> Clock | None:
    """Remove the turn's clock and return its replacement, had the episode begun at `start_ms`."""
    if turn.clock is not None:
        conversation.clocks.all.remove(turn.clock)
    target_seconds = conversation.settings.target_seconds.get("first_response")
    if start_ms is None or (target_seconds is None and turn.clock is None):
        return None
    if turn.clock is None:
        assert target_seconds is not None
        return Clock("first_response", start_ms + target_seconds * 1000, turn.cell, is_open=False)
    clock = replace(turn.clock, is_open=False, outcome="")
    is_target = target_seconds is not None and turn.start_ms is not None and clock.remaining_ms is None
    if is_target and clock.due_at_ms == (turn.start_ms or 0) + (target_seconds or 0) * 1000:
        clock.due_at_ms = start_ms + (target_seconds or 0) * 1000
    return clock


def _waits(opened_at_ms: int, is_inbound: bool, asked_at_ms: int | None) -> tuple[str, int]:
    """Return whom it waits on from the opening on, as long as nobody answers."""
    if is_inbound:
        return "agent", opened_at_ms
    return ("customer", opened_at_ms) if asked_at_ms is None else ("agent", max(asked_at_ms, opened_at_ms))


def _answered(wait: tuple[str, int], turn: FirstTurn) -> tuple[str, int]:
    return ("customer", max(wait[1], turn.at_ms)) if wait[0] == "agent" else wait


def _correct_wait(conversation: Conversation, before: tuple[str, int], after: tuple[str, int]) -> None:
    if (conversation.waiting_on, conversation.waiting_since_ms) == before and not conversation.clocks.is_paused:
        conversation.waiting_on, conversation.waiting_since_ms = after
