"""SLA clocks: one running clock per kind, counted at the minute in which it falls due.

A clock adds 1 to `sla_due` at its due minute when it starts, and removes it when it is met, cancelled, paused or
replaced in time. So the missed targets are what remains at due minutes that have passed, and no timer is needed. A
target is met if the reply comes at the due instant or before.
"""

from streams.conversations.context import Context
from streams.conversations.conversation import Clock, Conversation
from streams.panes.counters import Counter
from streams.panes.deltas import PaneDeltas
from streams.panes.histograms import bucket
from streams.rules import RESOLUTION, Rules


def count_due(panes: PaneDeltas, expires_at: int, clock: Clock, count: int) -> None:
    """Count a running clock at its due minute, unless the conversation expires before (which cancels it)."""
    if clock.due_at and (not expires_at or clock.due_at <= expires_at):
        panes.add(clock.due_at, clock.cell, Counter.SLA_DUE_FIRST_RESPONSE + clock.kind, count)


def start_clock(context: Context, conversation: Conversation, kind: int, at: int) -> None:
    """Start clock `kind` at `at` with the target and the calendar of the queue, replacing a running one."""
    queue = context.cells.by_number[conversation.cell].queue
    target_ms = context.rules.target_ms(queue, kind)
    if target_ms is not None:
        due_at = context.rules.hours(queue).after(at, target_ms)
        _replace(context.panes, conversation, Clock(kind, due_at, 0, queue, conversation.cell), at)


def move_clock(context: Context, conversation: Conversation, kind: int, first_at: int, at: int) -> None:
    """Restart at `at` the clock that started at `first_at`, unless it was paused or its target is the source's."""
    rules, moved = context.rules, []
    for clock in conversation.clocks:
        target_ms = rules.target_ms(clock.calendar, kind)
        if clock.kind == kind and target_ms is not None:
            hours = rules.hours(clock.calendar)
            if clock.due_at == hours.after(first_at, target_ms):
                count_due(context.panes, conversation.expires_at, clock, -1)
                clock = clock._replace(due_at=hours.after(at, target_ms))
                count_due(context.panes, conversation.expires_at, clock, 1)
        moved.append(clock)
    conversation.clocks = tuple(moved)


def set_target(context: Context, conversation: Conversation, kind: int, at: int, due_at: int) -> None:
    """Apply the source's target `due_at`, unless its clock is past due, or is for a response that nobody awaits."""
    for clock in conversation.clocks:
        if clock.kind == kind and clock.due_at and clock.due_at < at:
            return
    if kind != RESOLUTION and not conversation.episode_since:
        return
    clock = Clock(kind, due_at, 0, context.cells.by_number[conversation.cell].queue, conversation.cell)
    if conversation.is_paused:
        clock = _paused(context.rules, clock, at)
    _replace(context.panes, conversation, clock, at)


def stop_clock(panes: PaneDeltas, conversation: Conversation, kind: int, at: int) -> None:
    """Stop clock `kind`, since what it waits for happened at `at`: met in time or, past due, missed for good."""
    for clock in conversation.clocks:
        if clock.kind != kind:
            continue
        if count_met(panes, clock, conversation.cell, at, 1):
            count_due(panes, conversation.expires_at, clock, -1)
        conversation.clocks = tuple(other for other in conversation.clocks if other.kind != kind)


def count_met(panes: PaneDeltas, clock: Clock, cell: int, at: int, count: int) -> bool:
    """Count a clock as met at `at` in `cell` if it was in time. Return whether it was."""
    if clock.due_at and at > clock.due_at:
        return False
    panes.add(at, cell, Counter.SLA_MET_FIRST_RESPONSE + clock.kind, count)
    margin_ms = clock.due_at - at if clock.due_at else clock.remaining_ms
    panes.add(at, cell, Counter.SLA_MARGIN, count, bucket(margin_ms))
    return True


def drop_response_clocks(panes: PaneDeltas, conversation: Conversation) -> None:
    """Drop the response clocks, past due or not, because nobody waited."""
    for clock in conversation.clocks:
        if clock.kind != RESOLUTION:
            count_due(panes, conversation.expires_at, clock, -1)
    conversation.clocks = tuple(clock for clock in conversation.clocks if clock.kind == RESOLUTION)


def cancel_clocks(panes: PaneDeltas, conversation: Conversation, at: int) -> None:
    """Cancel the clocks that fall due after a departure at `at`; the others stay missed."""
    for clock in conversation.clocks:
        if clock.due_at > at:
            count_due(panes, conversation.expires_at, clock, -1)
    conversation.clocks = ()


def pause_clocks(context: Context, conversation: Conversation, at: int) -> None:
    """Pause the clocks not past due, with their remaining business time, while waiting on somebody else."""
    conversation.is_paused = True
    conversation.clocks = tuple(_pause_running(context, conversation, clock, at) for clock in conversation.clocks)


def pause_clock(context: Context, conversation: Conversation, kind: int, at: int) -> None:
    """Pause clock `kind` as if it had been running when the others were paused at `at`."""
    conversation.clocks = tuple(
        _pause_running(context, conversation, clock, at) if clock.kind == kind else clock
        for clock in conversation.clocks
    )


def _pause_running(context: Context, conversation: Conversation, clock: Clock, at: int) -> Clock:
    if clock.due_at < at:
        return clock
    count_due(context.panes, conversation.expires_at, clock, -1)
    return _paused(context.rules, clock, at)


def resume_clocks(context: Context, conversation: Conversation, at: int) -> None:
    """Resume the paused clocks with their remaining time, when the conversation waits on the agent again."""
    conversation.is_paused = False
    resumed = []
    for clock in conversation.clocks:
        if not clock.due_at:
            due_at = context.rules.hours(clock.calendar).after(at, clock.remaining_ms)
            clock = Clock(clock.kind, due_at, 0, clock.calendar, conversation.cell)
            count_due(context.panes, conversation.expires_at, clock, 1)
        resumed.append(clock)
    conversation.clocks = tuple(resumed)


def _paused(rules: Rules, clock: Clock, at: int) -> Clock:
    return clock._replace(due_at=0, remaining_ms=rules.hours(clock.calendar).between(at, clock.due_at))


def _replace(panes: PaneDeltas, conversation: Conversation, clock: Clock, at: int) -> None:
    for other in conversation.clocks:
        if other.kind == clock.kind and other.due_at >= at:
            count_due(panes, conversation.expires_at, other, -1)
    kept = tuple(other for other in conversation.clocks if other.kind != clock.kind)
    conversation.clocks = (*kept, clock)
    count_due(panes, conversation.expires_at, clock, 1)
