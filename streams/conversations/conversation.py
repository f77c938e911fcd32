"""The state of one conversation: everything that the fold needs to keep about it, and nothing else."""

from typing import NamedTuple

import msgspec

from streams.rules import FIRST_RESPONSE

#: Only events of unknown types have arrived; they are kept so that a second delivery is recognised as a duplicate.
NOT_BEGUN = ""
OPEN = "open"
EXPIRED = "expired"

AGENT = "agent"
CUSTOMER = "customer"
THIRD_PARTY = "third_party"

DIGEST_BYTES = 8
REMEMBERED_IDS = 4096
REMEMBERED_QUEUES = 64


class Clock(NamedTuple):
    """An SLA clock. It is paused if `due_at` is 0: then `remaining_ms` of business time are left.

    `kind` is an index into `rules.CLOCK_KINDS`; `calendar` is the queue whose business hours applied when it started;
    `cell` is the cell in which its due minute is counted.
    """

    kind: int
    due_at: int
    remaining_ms: int
    calendar: str
    cell: int


class FirstTurn(NamedTuple):
    """The end of the turn that began with an opening known only from later events.

    `outcome` is one of the three constants below. The waiting episode that began at `since` (0: nobody waited) ended at
    `at`; `asked_at` is the customer's first message in it, `cell` the cell at its end, `clock` the first response clock
    as it stood then.
    """

    outcome: str
    at: int
    since: int
    asked_at: int
    cell: int
    clock: Clock | None


ANSWERED = "answered"
UNANSWERED = "unanswered"
HANDED_OFF = "handed_off"


class Conversation(msgspec.Struct, gc=False):
    """One conversation of one source. All instants are UTC epoch ms, 0 for none.

    `key` is `events.conversation_key`. `cell` is the number of the current dimensions, `opening_cell` of those in which
    the opening was counted, `resolution_cell` of those of the resolution. `digests` holds the 8-byte identities of the
    events applied, oldest first. `asked_at` is the customer's earliest unanswered message since the opening, the
    departure or the last answer. `first_turn` is kept for an opening that arrives late.

    The fields from `opened_at` to `queues` are columns of the ledger under the same names: `pipeline/ledger/columns.py`
    lists them in the same order.
    """

    key: str
    cell: int
    opening_cell: int
    opened_at: int
    open_since: int
    changed_at: int
    state: str = OPEN
    waiting_on: str = ""
    is_implicit: bool = False
    is_reordered: bool = False
    is_contact: bool = False
    has_opened: bool = False
    has_handoff: bool = False
    is_paused: bool = False
    has_agent_spoken: bool = False
    has_peer_answered: bool = False
    is_session: bool = False
    waiting_since: int = 0
    episode_since: int = 0
    asked_at: int = 0
    first_response_at: int = 0
    resolved_at: int = 0
    departed_at: int = 0
    expires_at: int = 0
    customer_wait_ms: int = 0
    resolution_ms: int = 0
    resolution_business_ms: int = 0
    resolution_service_ms: int = 0
    message_count: int = 0
    transferred_count: int = 0
    escalated_count: int = 0
    reopened_count: int = 0
    peer_solution_count: int = 0
    customer: str = ""
    queues: tuple[str, ...] = ()
    resolution_cell: int = 0
    clocks: tuple[Clock, ...] = ()
    first_turn: FirstTurn | None = None
    digests: bytes = b""

    @property
    def source(self) -> str:
        """The system that the conversation comes from."""
        return self.key.partition("\n")[0]

    @property
    def conversation_id(self) -> str:
        """The id, which is unique within its source."""
        return self.key.partition("\n")[2]

    def end_first_turn(self, outcome: str, at: int) -> None:
        """Keep how the first turn ended at `at`, unless the opening event has arrived."""
        if self.has_opened or self.first_turn is not None:
            return
        clock = next((clock for clock in self.clocks if clock.kind == FIRST_RESPONSE), None)
        self.first_turn = FirstTurn(outcome, at, self.episode_since, self.asked_at, self.cell, clock)

    def remembers(self, digest: bytes) -> bool:
        """Return whether an event of this identity was applied before."""
        digests = self.digests
        position = digests.find(digest)
        while position >= 0:
            if position % DIGEST_BYTES == 0:
                return True
            position = digests.find(digest, position + 1)
        return False

    def remember(self, digest: bytes) -> bool:
        """Keep the identity of an applied event. Return whether the oldest one was discarded for it."""
        digests = self.digests + digest
        if len(digests) > REMEMBERED_IDS * DIGEST_BYTES:
            self.digests = digests[DIGEST_BYTES:]
            return True
        self.digests = digests
        return False
