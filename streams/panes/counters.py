"""The additive counters of a pane: one table for the fold, the ledger's columns and the documentation.

A *flow* is counted at the minute in which it happened. A *stock* is counted at a minute of the conversation (when it
opened, since when it waits, when its SLA target falls due) and moves from cell to cell with it. A *spread* is a flow or
a stock that is split further by a small integer key: the bucket of a duration (see `histograms`), or the hour of expiry
(hours since the epoch, 0 for never).
"""


class Counter:
    """Numbers of the counters in memory; the ledger's columns are named by `COLUMNS`.

    Plain integers, not an enumeration: the fold uses half a dozen of them per event, and looking up a member of an
    enumeration costs five times as much.
    """

    # Flows of the backlog.
    OPENED = 0
    REOPENED = 1
    MOVED_IN = 2
    MOVED_OUT = 3
    RESOLVED = 4
    CLOSED = 5
    ABANDONED = 6
    MERGED = 7
    DELETED = 8
    # Stock: conversations that expire at this minute unless something happens before.
    EXPIRING = 9
    # Flow: interval end − t at every arrival, minus the same at every departure; the area under the backlog.
    OPEN_MS = 10
    # Flows of activity.
    CONTACT = 11
    INBOUND_MESSAGE = 12
    OUTBOUND_MESSAGE = 13
    INTERNAL_MESSAGE = 14
    AGENT_MESSAGE = 15
    PEER_MESSAGE = 16
    BOT_MESSAGE = 17
    TRANSFERRED = 18
    PING_PONG = 19
    ESCALATED_FUNCTIONAL = 20
    ESCALATED_HIERARCHICAL = 21
    ESCALATED_HANDOFF = 22
    ESCALATED_REGULATORY = 23
    CALLBACK_REQUESTED = 24
    CALLBACK_COMPLETED = 25
    SOLUTION_ACCEPTED = 26
    SOLUTION_ACCEPTED_FROM_PEER = 27
    SHARED = 28
    REACTED = 29
    REACH = 30
    # SLA targets: `met` is a flow at the reply's minute, `due` a stock at the due minute.
    SLA_MET_FIRST_RESPONSE = 31
    SLA_MET_NEXT_RESPONSE = 32
    SLA_MET_RESOLUTION = 33
    SLA_DUE_FIRST_RESPONSE = 34
    SLA_DUE_NEXT_RESPONSE = 35
    SLA_DUE_RESOLUTION = 36
    # Flows of the community: a peer answered before staff; a peer's solution sufficed (-1 when it no longer does).
    PEER_BEFORE_STAFF = 37
    SAVED_BY_PEER = 38
    # Spreads by hour of expiry; stocks at the minute since when.
    OPEN_SINCE = 40
    WAITING_AGENT = 41
    WAITING_CUSTOMER = 42
    WAITING_THIRD_PARTY = 43
    # Spreads by bucket of a duration; flows at the minute in which the duration ended.
    FIRST_RESPONSE = 48
    FIRST_RESPONSE_BUSINESS = 49
    REPLY = 50
    REPLY_BUSINESS = 51
    RESOLUTION = 52
    RESOLUTION_BUSINESS = 53
    RESOLUTION_SERVICE = 54
    SLA_MARGIN = 55
    FIRST_PEER_ANSWER = 56
    # Plain again, above the spreads. Flows of self-service, counted by `conversations`.
    SESSION_ENDED = 64
    SESSION_CONTAINED = 65
    # Flows of known customers, counted by `customers`.
    KNOWN_CONTACT = 66
    REPEAT_WITHIN_DAY = 67
    REPEAT_WITHIN_WEEK = 68
    HOP_WITHIN_DAY = 69
    HOP_WITHIN_WEEK = 70
    ESCALATED_EXPOSURE = 71
    CASE_BEGAN = 72
    QUEUE_WAIT = 73
    CASE_TRANSFER = 74
    KNOWN_SESSION_ENDED = 75
    # Flow: contacts of ids that stand for more than one person; excluded from the others.
    LEFT_OUT_CONTACT = 78
    # Stocks of known customers, at the minute a day after a session's end.
    SESSION_VERIFIABLE = 76
    SESSION_VERIFIED = 77


#: Every counter by name.
COUNTERS: dict[str, int] = {name: number for name, number in vars(Counter).items() if name.isupper()}
#: Counters from the first number up to, but excluding, the second are spreads; all others are plain.
FIRST_SPREAD, END_OF_SPREADS = Counter.OPEN_SINCE, 64

#: The effect of each arrival or departure on the backlog.
BACKLOG_SIGN: dict[int, int] = {
    Counter.OPENED: 1,
    Counter.REOPENED: 1,
    Counter.MOVED_IN: 1,
    Counter.MOVED_OUT: -1,
    Counter.RESOLVED: -1,
    Counter.CLOSED: -1,
    Counter.ABANDONED: -1,
    Counter.MERGED: -1,
    Counter.DELETED: -1,
    Counter.EXPIRING: -1,
}


def is_spread(counter: int) -> bool:
    """Return whether a counter is split by an integer key."""
    return FIRST_SPREAD <= counter < END_OF_SPREADS


def _column(name: str, counter: int) -> str:
    if is_spread(counter):
        return f"{name}_histogram" if counter >= Counter.FIRST_RESPONSE else f"{name}_by_expiry"
    return name if counter == Counter.OPEN_MS else f"{name}_count"


#: The ledger's column of each counter; plain ones are Int64, spreads Map(UInt32, Int64).
COLUMNS: dict[int, str] = {counter: _column(name.lower(), counter) for name, counter in COUNTERS.items()}
