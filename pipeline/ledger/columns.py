"""The columns of the ledger that are read back, their order and their types."""

from typing import NamedTuple

import msgspec

from pipeline.clickhouse.blocks import INSTANT
from streams.books import Books
from streams.panes.counters import COLUMNS, is_spread

#: Rows other than panes leave these columns of the sorting key empty. With all of them given, the primary index
#: finds a row by its ids.
PANE_KEY_IS_EMPTY = (
    "tier = '' AND start = 0 AND tenant = '' AND queue = '' AND channel = '' AND visibility = '' AND epoch = 0"
)
CONVERSATION_KEY = f"kind = 'conversation' AND {PANE_KEY_IS_EMPTY}"


class StoredField(NamedTuple):
    """A field of a conversation that is stored unchanged in one column of the ledger."""

    column: str
    type_name: str
    attribute: str


def _stored(type_name: str, *names: str) -> list[StoredField]:
    return [StoredField(name, type_name, name) for name in names]


#: In the order of `Conversation`. The other fields take several columns or another form: key, cells, clocks, first
#: turn and the digests of events.
CONVERSATION_FIELDS = (
    *_stored(INSTANT, "opened_at", "open_since", "changed_at"),
    *_stored("LowCardinality(String)", "state", "waiting_on"),
    *_stored("Bool", "is_implicit", "is_reordered", "is_contact", "has_opened", "has_handoff", "is_paused"),
    *_stored("Bool", "has_agent_spoken", "has_peer_answered", "is_session"),
    *_stored(INSTANT, "waiting_since", "episode_since", "asked_at", "first_response_at", "resolved_at"),
    *_stored(INSTANT, "departed_at", "expires_at"),
    *_stored("Int64", "customer_wait_ms", "resolution_ms", "resolution_business_ms", "resolution_service_ms"),
    *_stored("Int64", "message_count", "transferred_count", "escalated_count", "reopened_count", "peer_solution_count"),
    *_stored("String", "customer"),
    StoredField("earlier_queues", "Array(String)", "queues"),
)
_PYTHON_TYPES = {
    INSTANT: int,
    "Int64": int,
    "Bool": bool,
    "String": str,
    "LowCardinality(String)": str,
    "Array(String)": tuple[str, ...],
}


class ConversationKeyRow(msgspec.Struct, array_like=True, gc=False):
    """The columns of a conversation besides `CONVERSATION_FIELDS`, in the order of the query."""

    revision: int
    source: str
    conversation_id: str
    current_tenant: str
    current_queue: str
    current_channel: str
    current_visibility: str
    opening_tenant: str
    opening_queue: str
    opening_channel: str
    opening_visibility: str
    resolution_tenant: str
    resolution_queue: str
    resolution_channel: str
    resolution_visibility: str
    clock_kinds: tuple[int, ...]
    clock_due_at: tuple[int, ...]
    clock_remaining_ms: tuple[int, ...]
    clock_calendars: tuple[str, ...]
    clock_tenants: tuple[str, ...]
    clock_queues: tuple[str, ...]
    clock_channels: tuple[str, ...]
    clock_visibilities: tuple[str, ...]
    first_turn: str
    event_digests: str


#: A conversation as read from the ledger.
ConversationRow = msgspec.defstruct(
    "ConversationRow",
    [*((field.column, _PYTHON_TYPES[field.type_name]) for field in CONVERSATION_FIELDS), ("answer_row_count", int, 0)],
    bases=(ConversationKeyRow,),
    array_like=True,
    gc=False,
)
_FIRST = len(ConversationKeyRow.__struct_fields__)
#: The positions of `CONVERSATION_FIELDS` in a row.
STORED = slice(_FIRST, _FIRST + len(CONVERSATION_FIELDS))


class PaneRowRead(msgspec.Struct, array_like=True, gc=False):
    """A pane as read from the ledger: `counts` in the order of `PLAIN`, `spreads` in that of `SPREADS`."""

    revision: int
    tier: str
    start: int
    tenant: str
    queue: str
    channel: str
    visibility: str
    counts: tuple[int, ...]
    spreads: tuple[tuple[tuple[int, int], ...], ...]
    answer_row_count: int = 0


def columns_of(row: type[msgspec.Struct]) -> list[str]:
    """Return the columns of a row of a `counted` query, without the count itself."""
    return [name for name in row.__struct_fields__ if name != "answer_row_count"]


def _conversation_columns() -> str:
    instants = {field.column for field in CONVERSATION_FIELDS if field.type_name == INSTANT}
    columns = []
    for name in columns_of(ConversationRow):
        if name in instants:
            columns.append(f"toUnixTimestamp64Milli({name})")
        elif name == "event_digests":
            columns.append("lower(hex(event_digests))")
        else:
            columns.append(name)
    return ", ".join(columns)


CONVERSATION_COLUMNS = _conversation_columns()
PLAIN = [counter for counter in COLUMNS if not is_spread(counter)]
SPREADS = [counter for counter in COLUMNS if is_spread(counter)]
PANE_COLUMNS = (
    "revision, tier, toUnixTimestamp(start), tenant, queue, channel, visibility, "
    f"[{', '.join(COLUMNS[counter] for counter in PLAIN)}], "
    # Tuples, because JSON returns a map's keys as strings.
    f"[{', '.join(f'arrayZip(mapKeys({COLUMNS[counter]}), mapValues({COLUMNS[counter]}))' for counter in SPREADS)}]"
)
JSON_SETTINGS = "output_format_json_quote_64bit_integers = 0, do_not_merge_across_partitions_select_final = 1"

LARGE_QUERY = "max_query_size = 100000000, max_ast_elements = 10000000, max_expanded_ast_elements = 10000000"
#: For queries for single rows, which give the keys before FINAL (PREWHERE), so that other columns are read only where a
#: key matches. One thread: several would share a few granules and take a third more CPU.
SINGLE_ROWS = f"{JSON_SETTINGS}, {LARGE_QUERY}, max_threads = 1"


class CheckpointRow(msgspec.Struct, array_like=True):
    """A checkpoint as read from the ledger."""

    revision: int
    next_offset: int
    watermark: int
    broker_at: int
    configuration: str
    configuration_number: int
    reporting_zone: str
    partition_count: int
    last_offset: int
    last_record_hash: int
    reason: str
    stage: str
    positions: tuple[tuple[int, int], ...]
    books: tuple[int, ...]


CHECKPOINT_COLUMNS = (
    "revision, next_offset, toUnixTimestamp64Milli(watermark), toUnixTimestamp64Milli(broker_at), "
    "configuration, configuration_number, "
    "reporting_zone, partition_count, "
    "last_offset, last_record_hash, reason, stage, arrayZip(mapKeys(source_positions), mapValues(source_positions)), "
    f"[{', '.join(f'{name}_count' for name in Books.__struct_fields__)}]"
)
