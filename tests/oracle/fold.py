"""The life of one conversation, for the batch oracle: its events in log order, one rule after the other.

Each number in a comment is the paragraph of docs/decisions/0001 that the line follows. The results are `Change`s:
counter, instant, cell, plus or minus n. Instants are UTC epoch milliseconds.
"""

from tests.oracle.changes import Change, Fact, FirstTurn, ResponseTime, Settings
from tests.oracle.clocks import RESPONSE_KINDS, Cell, Clocks
from tests.oracle.late_openings import correct_first_turn, move_beginning, open_late
from tests.oracle.records import KNOWN_TYPES, Event

HOUR_MS = 3_600_000
DEPARTURES = {
    "conversation.resolved": "resolved",
    "conversation.closed": "closed",
    "conversation.abandoned": "abandoned",
    "conversation.merged": "merged",
    "conversation.deleted": "deleted",
}
# Life-cycle time never runs backwards for these; all others keep their own minute.
LIFE_CYCLE_TYPES = frozenset(
    name for name in KNOWN_TYPES if name.startswith("conversation.") or name == "bot.handed_off"
)


class Conversation:
    """The fold of one conversation: `apply` its accepted, distinct events in log order, then `finish`."""

    def __init__(self, source: str, conversation_id: str, settings: Settings) -> None:
        self.source = source
        self.conversation_id = conversation_id
        self.settings = settings
        self.changes: list[Change] = []
        self.response_times: list[ResponseTime] = []
        self.clocks = Clocks(settings.target_seconds)

        self.state = ""  # '' before its first event
        self.cell = Cell("", "", "", "")
        self.is_implicit = False
        self.opened_at_ms = 0  # the first opening
        self.opening_cell = self.cell  # where the first opening was counted
        self.opening_mix_count = 0  # 1 when the first opening counts in the channel mix
        self.had_opened_event = False
        self.open_since_ms = 0  # the last (re)opening
        self.last_transition_ms = 0
        self.last_activity_ms = 0
        self.departed_at_ms: int | None = None
        self.resolved_at_ms: int | None = None
        self.resolution: ResponseTime | None = None

        self.waiting_on = ""
        self.waiting_since_ms = 0
        self.episode_start_ms: int | None = None
        self.asked_at_ms: int | None = None  # the customer's earliest unanswered message
        self.first_turn: FirstTurn | None = None
        self.had_episode = False  # or a reopening, after which no first-response clock starts
        self.is_handoff_counted = False
        self.first_response_at_ms: int | None = None
        self.first_peer_answer: ResponseTime | None = None
        self.has_agent_spoken = False
        self.standing_peer_solutions = 0
        self.customer = ""
        self.began: Fact | None = None  # as a contact, once the customer is known
        self.beginnings: list[Fact] = []  # every version of it
        self.facts: list[Fact] = []
        self.is_session = False

        self.message_count = 0
        self.transferred_count = 0
        self.escalated_count = 0
        self.reopened_count = 0

    # ---- one event -------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        if event.type not in KNOWN_TYPES:
            return
        if not self.state:
            self._begin(event)
            if event.type != "conversation.opened":
                self._take_effect(event, event.occurred_at_ms)
        else:
            self._continue(event)
        if self.state == "open":
            self._set_target(event)
            self.last_activity_ms = max(self.last_activity_ms, event.occurred_at_ms, self.last_transition_ms)

    def finish(self, watermark_ms: int) -> None:
        """Expire the conversation if it is idle for too long at the final watermark."""
        self._expire_until(watermark_ms)

    def _begin(self, event: Event) -> None:
        self.is_implicit = event.type != "conversation.opened"  # (1)
        self.had_opened_event = not self.is_implicit
        self.cell = self.cell_after(event)
        self.state = "open"
        self.opening_cell = self.cell
        at_ms = event.occurred_at_ms
        self.opened_at_ms = self.open_since_ms = self.last_transition_ms = at_ms
        self.opening_mix_count = self.mix_count(event)
        self.count("arrived", at_ms)
        self.count("opened_inbound", at_ms, self.opening_mix_count)
        self.clocks.start("resolution", at_ms, self.cell)
        self.customer = event.person("customer_id")
        self.is_session = self._is_inbound_opening(event) and event.field("channel") == "self_service"
        if self.opening_mix_count:
            self.begin_as_contact(event, self.cell)
            if not self.is_implicit and event.field("queue"):
                self._add_fact("waited", at_ms)
        if self._is_inbound_opening(event):  # (11, 13)
            self._wait_on("agent", at_ms)
            self._start_episode(at_ms)
        else:
            self._wait_on("customer", at_ms)

    def _continue(self, event: Event) -> None:
        if not self.customer and event.field("customer_id"):
            self.customer = event.person("customer_id")
            if self.opening_mix_count:
                self.begin_as_contact(event, self.cell)
        at_ms = max(event.occurred_at_ms, self.last_transition_ms)
        is_own_minute = event.type not in LIFE_CYCLE_TYPES
        self._expire_until(event.occurred_at_ms if is_own_minute else at_ms)
        is_opened = event.type == "conversation.opened"
        is_late_opening = (  # (4)
            is_opened
            and self.is_implicit
            and not self.had_opened_event
            and (self.departed_at_ms is None or event.occurred_at_ms < self.departed_at_ms)
        )
        self.had_opened_event = self.had_opened_event or is_opened

        first_at_ms = self.opened_at_ms
        if is_late_opening:
            open_late(self, event)
        only_empty = is_late_opening or (is_opened and self.state == "open")  # (5)
        before, self.cell = self.cell, self.cell_after(event, only_empty)
        if self.state == "open" and self.cell != before:
            self.count("moved_out", at_ms, cell=before)
            self.count("moved_in", at_ms)
            self.clocks.move(at_ms, self.cell)
            self.last_transition_ms = at_ms
        if is_late_opening:
            if self.opened_at_ms < first_at_ms:
                move_beginning(self, first_at_ms)
            correct_first_turn(self, first_at_ms, self._is_inbound_opening(event))
            self.last_transition_ms = at_ms
            return
        if self.state == "expired" and event.type not in DEPARTURES:  # (8)
            self._reopen(at_ms)  # dated before the expiry, it takes the time of that last transition
        self._take_effect(event, at_ms)

    def _take_effect(self, event: Event, at_ms: int) -> None:
        """Apply the event's own effect at `at_ms`, once the conversation exists and has its dimensions."""
        is_open = self.state == "open"
        is_transition = event.type in LIFE_CYCLE_TYPES
        match event.type:
            case "conversation.opened" | "conversation.reopened":
                if is_open:
                    is_transition = False
                else:
                    self._reopen(at_ms)
            case "message.created":
                self._message(event)
            case "conversation.transferred":
                self.transferred_count += 1
                self._add_fact("transferred", at_ms)
            case "conversation.queued":
                self._add_fact("waited", at_ms)
            case "solution.accepted":
                self._solution(event, +1)
            case "solution.unaccepted":
                self._solution(event, -1)
            case "conversation.escalated" if event.field("kind") != "handoff":
                self._escalate(event.field("kind"), at_ms)
            case "conversation.escalated" | "bot.handed_off":
                self._hand_off(at_ms)
            case "conversation.waiting" if is_open:
                self._wait_explicitly(event.field("waiting_on") or "customer", at_ms)
            case "conversation.resumed" if is_open:
                self._wait_explicitly("agent", at_ms)
            case departure if departure in DEPARTURES:
                is_merge_into_itself = (
                    departure == "conversation.merged" and event.field("into_id") == self.conversation_id
                )
                if is_open and not is_merge_into_itself:
                    self._depart(DEPARTURES[departure], at_ms)
                else:
                    is_transition = False
        if is_transition:
            self.last_transition_ms = at_ms

    # ---- openings and departures -----------------------------------------------------------------

    def _is_inbound_opening(self, event: Event) -> bool:
        """(2) Return whether it is inbound, which it is unless an `opened` or a message says otherwise."""
        if event.type not in ("conversation.opened", "message.created"):
            return True
        if event.field("direction"):
            return event.field("direction") != "outbound"
        return event.field("actor_kind") in ("", "customer")

    def mix_count(self, event: Event) -> int:
        """(3) Count a transfer chain once: with the conversation that is its root."""
        is_root = event.field("root_id") in ("", self.conversation_id)
        return 1 if is_root and self._is_inbound_opening(event) else 0

    def _end_first_turn(self, how: str, at_ms: int) -> None:
        if not self.had_opened_event and self.first_turn is None:
            clock = self.clocks.running("first_response")
            self.first_turn = FirstTurn(how, at_ms, self.episode_start_ms, self.asked_at_ms, self.cell, clock)

    def _reopen(self, at_ms: int) -> None:
        self.state = "open"
        self.departed_at_ms = self.resolved_at_ms = None
        self.open_since_ms = self.last_transition_ms = at_ms
        self.reopened_count += 1
        self.count("arrived", at_ms)
        if self.resolution is not None:  # the resolution is revoked where it was counted
            self.response_times.remove(self.resolution)
            self.resolution = None
        self._wait_on("agent", at_ms)  # (13), but a waiting episode begins only with a customer's message
        self.had_episode = True
        self.is_handoff_counted = False
        self.clocks.start("resolution", at_ms, self.cell)
        if self.asked_at_ms is not None:  # (25)
            self._start_episode(self.asked_at_ms)

    def _depart(self, state: str, at_ms: int) -> None:
        self._end_first_turn("departed", at_ms)
        self.count("departed", at_ms)
        if state != "expired":
            self._end_session("contained", at_ms)
        if state == "resolved":
            self.resolved_at_ms = at_ms
            self._add_fact("resolved", at_ms)
            self.resolution = ResponseTime("resolution", at_ms, self.cell, at_ms - self.opened_at_ms)
            self.response_times.append(self.resolution)
            self.clocks.reply(at_ms, self.cell, "resolution")
        self.clocks.depart(at_ms)
        self.state, self.departed_at_ms = state, at_ms
        self.episode_start_ms = self.asked_at_ms = None
        self.is_handoff_counted = False
        self.waiting_on = ""
        self.last_transition_ms = at_ms

    def _expire_until(self, at_ms: int) -> None:
        """Expire at the full hour not before the idle limit, when `at_ms` is not before that hour."""
        if self.state != "open" or self.settings.idle_limit_seconds is None:
            return
        limit_ms = self.last_activity_ms + self.settings.idle_limit_seconds * 1000
        expires_at_ms = (limit_ms + HOUR_MS - 1) // HOUR_MS * HOUR_MS
        if at_ms >= expires_at_ms:
            self._depart("expired", expires_at_ms)

    # ---- facts for the customer's other conversations ----------------------------------------------

    def _add_fact(self, kind: str, at_ms: int) -> None:
        """Record a fact, if the customer is known."""
        if self.customer:
            self.facts.append(Fact(kind, at_ms, self.cell))

    def begin_as_contact(self, event: Event, cell: Cell) -> None:
        """Record the opening as a contact of the customer, if known."""
        if self.customer:
            self.began = Fact("began", self.opened_at_ms, cell, event.person("case_id"))
            self.beginnings.append(self.began)

    def _meet_human(self, at_ms: int) -> None:
        self._add_fact("human", at_ms)
        self._end_session("handed on", at_ms)

    def _end_session(self, how: str, at_ms: int) -> None:
        if self.is_session:
            self.is_session = False
            self.count("session_ended", at_ms)
            self.count("session_contained", at_ms, int(how == "contained"))
            self._add_fact(how, at_ms)

    # ---- who waits for whom ----------------------------------------------------------------------

    def _message(self, event: Event) -> None:
        """Apply a message at its own minute, whatever the life cycle's time is."""
        at_ms, actor = event.occurred_at_ms, event.field("actor_kind")
        direction = event.field("direction") or ("inbound" if actor == "customer" else "outbound")
        self.message_count += 1
        if direction == "inbound":
            self.count("inbound_message", at_ms)
        if actor == "peer" and direction == "outbound" and self.state == "open":  # (19)
            self._answer_of_peer(at_ms)
        if actor == "agent" and direction == "outbound" and not self.has_agent_spoken:
            self.has_agent_spoken = True
            self._meet_human(at_ms)
            if self.standing_peer_solutions:  # (21)
                self.count("saved", at_ms, -1)
        if self.state != "open":  # (10)
            if actor == "customer" and self.departed_at_ms is not None and at_ms >= self.departed_at_ms:
                self.asked_at_ms = at_ms if self.asked_at_ms is None else min(at_ms, self.asked_at_ms)
            elif actor == "agent" and direction == "outbound":
                self.asked_at_ms = None
            return
        if actor == "customer":
            self.asked_at_ms = at_ms if self.asked_at_ms is None else min(at_ms, self.asked_at_ms)
            self._wait_on("agent", at_ms)
            self.clocks.resume(max(at_ms, self.last_transition_ms))  # (24)
            if self.episode_start_ms is None:
                self._start_episode(at_ms)
        elif actor == "agent" and direction == "outbound":  # (12)
            self._answer(at_ms)

    def _answer_of_peer(self, at_ms: int) -> None:
        """(19, 20) Record the first peer answer while somebody waits."""
        if self.first_peer_answer is not None or self.episode_start_ms is None:
            return
        duration_ms = max(0, at_ms - self.episode_start_ms)
        self.first_peer_answer = ResponseTime("first_peer_answer", at_ms, self.cell, duration_ms)
        if not self.has_agent_spoken:
            self.count("before_staff", at_ms)

    def _solution(self, event: Event, amount: int) -> None:
        """(21) Count a solution accepted or revoked; a peer's, standing without an agent's message, saves a contact."""
        at_ms = event.occurred_at_ms
        self.count("accepted", at_ms, amount)
        if event.field("actor_kind") != "peer":
            return
        self.count("accepted_from_peer", at_ms, amount)
        was_saved = self.standing_peer_solutions > 0
        self.standing_peer_solutions = max(0, self.standing_peer_solutions + amount)
        if not self.has_agent_spoken:
            self.count("saved", at_ms, int(self.standing_peer_solutions > 0) - int(was_saved))

    def _answer(self, at_ms: int) -> None:
        self._end_first_turn("answered", at_ms)
        self.asked_at_ms = None
        if self.episode_start_ms is not None:
            duration_ms = max(0, at_ms - self.episode_start_ms)
            self.response_times.append(ResponseTime("reply", at_ms, self.cell, duration_ms))
            if self.first_response_at_ms is None:  # (14)
                self.first_response_at_ms = at_ms
                self.response_times.append(ResponseTime("first_response", at_ms, self.cell, duration_ms))
            self.episode_start_ms = None
            self.is_handoff_counted = False
            self.clocks.reply(at_ms, self.cell, *RESPONSE_KINDS)
        if self.waiting_on == "agent":
            self._wait_on("customer", at_ms)

    def _start_episode(self, at_ms: int) -> None:
        kind = "next_response" if self.had_episode else "first_response"
        self.episode_start_ms, self.had_episode, self.is_handoff_counted = at_ms, True, False
        self.clocks.start(kind, at_ms, self.cell)

    def _hand_off(self, at_ms: int) -> None:
        """(15) Hand off once per waiting episode, whichever event reports it. Restarts the response clock."""
        if self.is_handoff_counted:
            return
        self._escalate("handoff", at_ms)
        self._meet_human(at_ms)
        self.is_handoff_counted = True
        if self.state == "open":
            self._end_first_turn("handed off", at_ms)
            self._wait_explicitly("agent", at_ms)
            self.episode_start_ms, self.had_episode = at_ms, True
            self.clocks.start("first_response", at_ms, self.cell)

    def _wait_explicitly(self, party: str, at_ms: int) -> None:
        self._wait_on(party, at_ms)
        if party == "agent":
            self.clocks.resume(at_ms)
        else:
            self.clocks.pause(at_ms)

    def _wait_on(self, party: str, at_ms: int) -> None:
        """Change the party waited on; a wait never begins before the previous one, however late a message tells it."""
        if party != self.waiting_on:
            since_ms = max(at_ms, self.waiting_since_ms) if self.waiting_on else at_ms
            self.waiting_on, self.waiting_since_ms = party, since_ms

    def _set_target(self, event: Event) -> None:
        """Apply `clock` with `due_at`. A response target requires that somebody waits."""
        kind = event.field("clock")
        if not kind or event.due_at_ms is None:
            return
        if kind == "resolution" or self.episode_start_ms is not None:
            self.clocks.set_target(kind, event.due_at_ms, event.occurred_at_ms, self.cell)

    # ---- counting --------------------------------------------------------------------------------

    def _escalate(self, kind: str, at_ms: int) -> None:
        self.escalated_count += 1
        self.changes.append(Change("escalated", at_ms, self.cell, 1, kind))

    def count(self, counter: str, at_ms: int, amount: int = 1, cell: Cell | None = None) -> None:
        """Change a counter, in the conversation's own cell unless another one is given."""
        if amount:
            self.changes.append(Change(counter, at_ms, self.cell if cell is None else cell, amount))

    def cell_after(self, event: Event, only_empty: bool = False, before: Cell | None = None) -> Cell:
        """(5, 6) Return the last known values; an `opened` on a known conversation only fills empty ones."""
        old = self.cell if before is None else before
        tenant, queue = event.tenant or old.tenant, event.field("queue") or old.queue
        channel = event.field("channel") or old.channel
        visibility = event.field("visibility")
        if not visibility and channel != old.channel:
            _, visibility = self.settings.channels.get(channel, ("async", "private"))
        visibility = visibility or old.visibility
        if not only_empty:
            return Cell(tenant, queue, channel, visibility)
        return Cell(old.tenant or tenant, old.queue or queue, old.channel or channel, old.visibility or visibility)
