"""The state of one conversation: everything the fold must remember about it, and nothing else."""

from typing import NamedTuple

import msgspec

from streams.rules import FIRST_RESPONSE

#: Only events of unknown types have come: they are remembered, so that a second delivery is known as a duplicate.
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
    """A running promise. Paused where `due_at` is 0: then `remaining_ms` of business time are left.

    `kind` is an index into `rules.CLOCK_KINDS`; `calendar` the queue whose business hours were frozen when it started;
    `cell` the cell in which its due minute is counted.
    """

    kind: int
    due_at: int
    remaining_ms: int
    calendar: str
    cell: int


class FirstTurn(NamedTuple):
    """How the stretch ended that began with an opening of which only later events have told.

    `outcome` is one of the three below. The waiting episode `since` (0: nobody waited) ended `at`; `asked_at` is the
    customer's first message in it, `cell` that of its end, `clock` the promise of a first response as it stood then.
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
    """One conversation of one source. All instants are UTC epoch ms, 0 where there is none.

    `key` is `events.conversation_key`. `cell` numbers the dimensions in force; `opening_cell` those in which the
    opening was counted, `resolution_cell` those of the resolution. `digests` holds the 8-byte identities of the events
    applied, oldest first. `asked_at` is the customer's earliest message without an answer since the opening, the
    departure or the last answer. `first_turn` is kept for an opening that comes late.

    The fields from `opened_at` to `queues` are columns of the ledger as they are: `pipeline/ledger/columns.py` has them
    in the same order.
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
        """The system that it comes from."""
        return self.key.partition("\n")[0]

    @property
    def conversation_id(self) -> str:
        """Unique within its source."""
        return self.key.partition("\n")[2]

    def end_first_turn(self, outcome: str, at: int) -> None:
        """Remember how the first turn ended at `at`, where the event that opened the conversation has not come."""
        if self.has_opened or self.first_turn is not None:
            return
        clock = next((clock for clock in self.clocks if clock.kind == FIRST_RESPONSE), None)
        self.first_turn = FirstTurn(outcome, at, self.episode_since, self.asked_at, self.cell, clock)

    def remembers(self, digest: bytes) -> bool:
        """Whether an event of this identity was applied before."""
        digests = self.digests
        found = digests.find(digest)
        while found >= 0:
            if found % DIGEST_BYTES == 0:
                return True
            found = digests.find(digest, found + 1)
        return False

    def remember(self, digest: bytes) -> bool:
        """Remember an applied event; True when an older one had to be forgotten for it."""
        digests = self.digests + digest
        if len(digests) > REMEMBERED_IDS * DIGEST_BYTES:
            self.digests = digests[DIGEST_BYTES:]
            return True
        self.digests = digests
        return False
