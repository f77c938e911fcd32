"""The life cycle of a conversation as a table: what each type of event does to it and to the panes.

Life-cycle time never runs back: events are folded in log order, and a transition dated before the conversation's last
one takes that one's time (`is_reordered`). Messages, shares, solutions, callbacks and promises keep their own minute.
"""

from collections.abc import Callable

from streams.conversation import (
    AGENT,
    CUSTOMER,
    EXPIRED,
    OPEN,
    REMEMBERED_QUEUES,
    Conversation,
)
from streams.counters import Counter
from streams.events import DEPARTURES, Event
from streams.histograms import bucket
from streams.opening import begin, filled_cell, open_late, reopen
from streams.panes import Cell, Cells, Pane, PaneDeltas, pack_field
from streams.resolution import record_resolution
from streams.rules import CLOCK_KINDS, RuleBook
from streams.service_level import (
    FIRST_RESPONSE,
    NEXT_RESPONSE,
    RESOLUTION,
    cancel_clocks,
    keep_promise,
    pause_clocks,
    promise,
    resume_clocks,
    start_clock,
)
from streams.stocks import count_stocks, end_waiting, expire, idle_limit_ms, move, postpone_expiry, wait_on


class LifeCycle:
    """Applies events to conversations; what they add goes to `panes`."""

    def __init__(self, book: RuleBook, cells: Cells, panes: PaneDeltas) -> None:
        self.book = book
        self.cells = cells
        self.panes = panes

    def apply(self, conversation: Conversation | None, event: Event) -> Conversation:
        """The conversation after an event of a known type that was not applied before; None begins it."""
        if conversation is None:
            conversation = begin(self.panes, self.book, self.cells, event)
            if event.type != "conversation.opened":
                self._transition(conversation, event)
        else:
            if conversation.expires_at and event.occurred_at >= conversation.expires_at:
                expire(conversation)
            self._transition(conversation, event)
            if self.book.has_idle_limits and conversation.state == OPEN:
                limit_ms = idle_limit_ms(self.book, self.cells[conversation.cell].channel)
                postpone_expiry(self.panes, conversation, limit_ms, event.occurred_at)
        if event.due_at and event.data.clock:
            self._promise(conversation, event)
        if event.customer and not conversation.customer:
            conversation.customer = event.customer
        return conversation

    def _transition(self, conversation: Conversation, event: Event) -> None:
        at = event.occurred_at
        kind = event.type
        handler = TRANSITIONS.get(kind)
        if handler is not None:
            before = conversation.changed_at
            if at < before:
                at = before
            if conversation.state == EXPIRED and kind not in DEPARTURES and kind != "conversation.opened":
                self._come_back(conversation, event, at)
            if handler(self, conversation, event, at):
                conversation.changed_at = at
                if event.occurred_at < before:
                    conversation.is_reordered = True
        else:
            if conversation.state == EXPIRED:
                self._come_back(conversation, event, max(at, conversation.changed_at))
            self._relocate(conversation, event, max(at, conversation.changed_at))
            OCCURRENCES[kind](self, conversation, event, at)

    def _come_back(self, conversation: Conversation, event: Event, at: int) -> None:
        self._relocate(conversation, event, at)
        reopen(self.panes, self.book, self.cells, conversation, at)

    # ---- dimensions

    def _relocate(self, conversation: Conversation, event: Event, at: int) -> str:
        """Take over the dimensions that an event carries; the queue before is returned."""
        data = event.data
        known = self.cells.by_number[conversation.cell]
        tenant, queue, channel, visibility = known
        new_channel = data.channel or channel
        new_visibility: str = data.visibility or ""
        if not new_visibility:
            new_visibility = visibility if new_channel == channel else self.book.visibility(new_channel)
        new_tenant, new_queue = event.tenant or tenant, data.queue or queue
        if new_queue != queue or new_channel != channel or new_visibility != visibility or new_tenant != tenant:
            self._settle(conversation, known, Cell(new_tenant, new_queue, new_channel, new_visibility), at)
        return queue

    def _settle(self, conversation: Conversation, known: Cell, cell: Cell, at: int) -> None:
        number = self.cells.number(cell)
        if conversation.state == OPEN:
            conversation.changed_at = max(conversation.changed_at, at)
            move(self.panes, conversation, number, at)
        else:
            conversation.cell = number
        if cell.queue != known.queue and known.queue and known.queue not in conversation.queues:
            conversation.queues = (*conversation.queues, known.queue)[-REMEMBERED_QUEUES:]

    # ---- transitions

    def _opened(self, conversation: Conversation, event: Event, at: int) -> bool:
        is_open = conversation.state == OPEN
        if not conversation.has_opened and (is_open or event.occurred_at < conversation.departed_at):
            open_late(self.panes, self.book, self.cells, conversation, event)
            return True
        if is_open:
            known = self.cells[conversation.cell]
            cell = filled_cell(self.book, known, event)
            if cell != known:
                self._settle(conversation, known, cell, at)
            return False
        conversation.has_opened = True
        self._come_back(conversation, event, at)
        return True

    def _reopened(self, conversation: Conversation, event: Event, at: int) -> bool:
        if conversation.state == OPEN:
            self._relocate(conversation, event, at)
            return False
        self._come_back(conversation, event, at)
        return True

    def _departed(self, conversation: Conversation, event: Event, at: int) -> bool:
        self._relocate(conversation, event, at)
        if conversation.state != OPEN or (
            event.type == "conversation.merged" and event.data.into_id == conversation.conversation_id
        ):
            return False
        panes, cell = self.panes, conversation.cell
        state = DEPARTURES[event.type]
        panes.add_backlog(at, cell, DEPARTURE_COUNTERS[state], 1)
        if state == "resolved":
            keep_promise(panes, conversation, RESOLUTION, at)
        cancel_clocks(panes, conversation, at)
        count_stocks(panes, conversation, -1)
        end_waiting(conversation, at)
        conversation.state = state
        conversation.departed_at = at
        if state == "resolved":
            conversation.resolved_at = at
            record_resolution(panes, self.book, self.cells, conversation, cell)
        return True

    def _routed(self, conversation: Conversation, event: Event, at: int) -> bool:
        self._relocate(conversation, event, at)
        return True

    def _transferred(self, conversation: Conversation, event: Event, at: int) -> bool:
        earlier = conversation.queues
        before = self._relocate(conversation, event, at)
        conversation.transferred_count += 1
        pane = self.panes.pane(at, conversation.cell)
        pane[Counter.TRANSFERRED] += 1
        queue = event.data.queue
        if queue and queue != before and queue in earlier:
            pane[Counter.PING_PONG] += 1
        return True

    def _escalated(self, conversation: Conversation, event: Event, at: int) -> bool:
        self._relocate(conversation, event, at)
        kind = event.data.kind or ""
        if kind == "handoff":
            self._hand_off(conversation, at)
        else:
            conversation.escalated_count += 1
            self.panes.add(at, conversation.cell, ESCALATION_COUNTERS[kind], 1)
        return True

    def _handed_off(self, conversation: Conversation, event: Event, at: int) -> bool:
        self._relocate(conversation, event, at)
        self._hand_off(conversation, at)
        return True

    def _hand_off(self, conversation: Conversation, at: int) -> None:
        """From bot to human: told once per waiting episode, and a new episode for the response clock."""
        if conversation.has_handoff:
            return
        conversation.has_handoff = True
        conversation.escalated_count += 1
        self.panes.add(at, conversation.cell, Counter.ESCALATED_HANDOFF, 1)
        if conversation.state == OPEN:
            self._our_turn(conversation, at)
            self._begin_episode(conversation, FIRST_RESPONSE, at)

    def _waiting(self, conversation: Conversation, event: Event, at: int) -> bool:
        self._relocate(conversation, event, at)
        party = event.data.waiting_on or CUSTOMER
        if conversation.state == OPEN:
            if party == AGENT:
                self._our_turn(conversation, at)
            else:
                wait_on(self.panes, conversation, party, at)
                if not conversation.is_paused:
                    pause_clocks(self.panes, self.book, conversation, at)
        return True

    def _resumed(self, conversation: Conversation, event: Event, at: int) -> bool:
        self._relocate(conversation, event, at)
        if conversation.state == OPEN:
            self._our_turn(conversation, at)
        return True

    def _our_turn(self, conversation: Conversation, at: int) -> None:
        resumed_at = max(at, conversation.waiting_since)
        wait_on(self.panes, conversation, AGENT, at)
        if conversation.is_paused:
            resume_clocks(self.panes, self.book, conversation, resumed_at)

    def _begin_episode(self, conversation: Conversation, kind: int, at: int) -> None:
        conversation.episode_since = at
        start_clock(self.panes, self.book, conversation, kind, self.cells[conversation.cell].queue, at)

    # ---- occurrences, which keep their own minute

    def _message(self, conversation: Conversation, event: Event, at: int) -> None:
        data = event.data
        pane = self.panes.pane(at, conversation.cell)
        speaker = data.actor_kind
        direction = data.direction or ("inbound" if speaker == CUSTOMER else "outbound")
        conversation.message_count += 1
        pane[DIRECTION_COUNTERS[direction]] += 1
        if speaker in SPEAKER_COUNTERS:
            pane[SPEAKER_COUNTERS[speaker]] += 1
        if data.reach:
            pane[Counter.REACH] += data.reach
        if conversation.state != OPEN:
            return
        if speaker == CUSTOMER:
            self._our_turn(conversation, at)
            if not conversation.episode_since:
                # A reopening never starts the first response anew.
                is_first = not (conversation.first_response_at or conversation.reopened_count)
                self._begin_episode(conversation, FIRST_RESPONSE if is_first else NEXT_RESPONSE, at)
        elif speaker == AGENT and direction == "outbound":
            self._answer(conversation, at, pane)

    def _answer(self, conversation: Conversation, at: int, pane: Pane) -> None:
        panes, since = self.panes, conversation.episode_since
        if since:
            queue = self.cells.by_number[conversation.cell].queue
            waited = bucket(at - since)
            waited_business = bucket(self.book.business_ms(queue, since, at))
            pane[pack_field(Counter.REPLY, waited)] += 1
            pane[pack_field(Counter.REPLY_BUSINESS, waited_business)] += 1
            if not conversation.first_response_at:
                conversation.first_response_at = at
                pane[pack_field(Counter.FIRST_RESPONSE, waited)] += 1
                pane[pack_field(Counter.FIRST_RESPONSE_BUSINESS, waited_business)] += 1
            keep_promise(panes, conversation, FIRST_RESPONSE, at)
            keep_promise(panes, conversation, NEXT_RESPONSE, at)
            conversation.episode_since = 0
            conversation.has_handoff = False
        if conversation.waiting_on == AGENT:
            wait_on(panes, conversation, CUSTOMER, at)

    def _callback_requested(self, conversation: Conversation, event: Event, at: int) -> None:
        self.panes.add(at, conversation.cell, Counter.CALLBACK_REQUESTED, 1)

    def _callback_completed(self, conversation: Conversation, event: Event, at: int) -> None:
        self.panes.add(at, conversation.cell, Counter.CALLBACK_COMPLETED, 1)

    def _solution(self, conversation: Conversation, event: Event, at: int) -> None:
        sign = 1 if event.type == "solution.accepted" else -1
        pane = self.panes.pane(at, conversation.cell)
        pane[Counter.SOLUTION_ACCEPTED] += sign
        if event.data.actor_kind == "peer":
            pane[Counter.SOLUTION_ACCEPTED_FROM_PEER] += sign

    def _public(self, conversation: Conversation, event: Event, at: int) -> None:
        pane = self.panes.pane(at, conversation.cell)
        pane[Counter.SHARED if event.type == "public.shared" else Counter.REACTED] += 1
        if event.data.reach:
            pane[Counter.REACH] += event.data.reach

    def _nothing(self, conversation: Conversation, event: Event, at: int) -> None:
        """A promise by itself changes only the clocks, which `apply` does for every event that carries one."""

    def _promise(self, conversation: Conversation, event: Event) -> None:
        if conversation.state == OPEN:
            kind = CLOCK_KINDS.index(event.data.clock or "")
            queue = self.cells[conversation.cell].queue
            promise(self.panes, self.book, conversation, kind, queue, event.occurred_at, event.due_at)


#: Says whether the event was a transition: what changes nothing does not move life-cycle time on.
Transition = Callable[[LifeCycle, Conversation, Event, int], bool]
Occurrence = Callable[[LifeCycle, Conversation, Event, int], None]

TRANSITIONS: dict[str, Transition] = {
    "conversation.opened": LifeCycle._opened,
    "conversation.queued": LifeCycle._routed,
    "conversation.assigned": LifeCycle._routed,
    "conversation.transferred": LifeCycle._transferred,
    "conversation.escalated": LifeCycle._escalated,
    "bot.handed_off": LifeCycle._handed_off,
    "conversation.waiting": LifeCycle._waiting,
    "conversation.resumed": LifeCycle._resumed,
    "conversation.reopened": LifeCycle._reopened,
    **dict.fromkeys(DEPARTURES, LifeCycle._departed),
}

OCCURRENCES: dict[str, Occurrence] = {
    "message.created": LifeCycle._message,
    "callback.requested": LifeCycle._callback_requested,
    "callback.completed": LifeCycle._callback_completed,
    "solution.accepted": LifeCycle._solution,
    "solution.unaccepted": LifeCycle._solution,
    "public.shared": LifeCycle._public,
    "public.reacted": LifeCycle._public,
    "sla.target_set": LifeCycle._nothing,
}

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
