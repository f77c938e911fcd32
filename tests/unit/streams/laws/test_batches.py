"""Laws of the fold: any batching, repetition or restore of a log gives the same numbers."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.conversations.conversation import Conversation
from streams.events import KNOWN_TYPES, Event
from streams.panes.deltas import Tiers, pane_key, unpack_pane_key
from streams.rules import RulesConfig
from tests.support.streams.laws import BERLIN, quick
from tests.support.streams.log import Log, all_tiers, everything
from tests.support.streams.strategies import cut, logs, sometimes_rules


@quick
@given(st.data(), sometimes_rules(zones=("UTC", BERLIN)), st.booleans())
def test_any_batches_and_flushes_give_the_same_numbers(data: st.DataObject, rules: RulesConfig, is_long: bool) -> None:
    events = data.draw(logs(is_long=is_long))
    whole, pieces = Log(rules, events), Log(rules)
    for piece in data.draw(cuts(events)):
        pieces.partition.fold(piece)
        if data.draw(st.booleans()):
            pieces.flush()
    pieces.flush()
    assert everything(pieces) == everything(whole)


@st.composite
def cuts(draw: st.DrawFn, events: list[Event]) -> list[list[Event]]:
    return cut(draw, events)


@quick
@given(st.data(), sometimes_rules(), st.booleans())
def test_evicted_panes_that_are_read_back_keep_their_values(
    data: st.DataObject, rules: RulesConfig, is_long: bool
) -> None:
    events = data.draw(logs(is_long=is_long))
    whole, forgetful = Log(rules, events), Log(rules)
    cache = forgetful.cache
    ledger: dict[str, dict[int, dict[int, int]]] = {tier: {} for tier in Tiers._fields}
    for piece in data.draw(cuts(events)):
        forgetful.partition.fold(piece)
        deltas = forgetful.partition.deltas.take().rolled_up()
        for tier, key in cache.missing(deltas):
            cache.load(tier, [(key, dict(ledger[tier].get(key, {})))])
        for row in cache.add(deltas):
            ledger[row.tier][pane_key(row.start_ms, row.cell)] = dict(row.values)
        cache.evict(data.draw(st.integers(1, 6)))
    assert all_tiers(Tiers(**ledger), forgetful.cells) == everything(whole)["panes"]


@quick
@given(st.data(), sometimes_rules(zones=("UTC", BERLIN), cell_limit=3), st.booleans())
def test_a_restore_at_any_point_with_other_cell_numbers_changes_nothing(
    data: st.DataObject, rules: RulesConfig, is_long: bool
) -> None:
    events = data.draw(logs(is_long=is_long))
    border = data.draw(st.integers(0, len(events)))
    before, after = Log(rules, events[:border]), Log(rules)

    seen = {cell for panes in all_tiers(before.cache.tiers, before.cells).values() for _, cell, _, _ in panes}
    for cell in sorted(seen, reverse=True):
        after.cells.number(cell)
    after.partition.restore(before.partition.watermark, msgspec.structs.replace(before.partition.books))
    after.partition.admission.restore(sorted(before.partition.admission))
    for name, conversation in before.partition.conversations.items():
        after.partition.conversations[name] = carried_over(conversation, before, after)
    for tier, panes in zip(Tiers._fields, before.cache.tiers, strict=True):
        rows = []
        for key, values in panes.items():
            start_ms, number = unpack_pane_key(key)
            rows.append((pane_key(start_ms, after.cells.number(before.cells[number])), dict(values)))
        after.cache.load(tier, rows)

    assert everything(after.fold(*events[border:])) == everything(Log(rules, events))


def carried_over(conversation: Conversation, before: Log, after: Log) -> Conversation:
    """Return the conversation as a reader of its row has it: the same bytes, except for its cell numbers."""

    def number(cell: int) -> int:
        return after.cells.number(before.cells[cell])

    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(conversation), type=Conversation)
    copy.cell, copy.opening_cell = number(conversation.cell), number(conversation.opening_cell)
    copy.resolution_cell = number(conversation.resolution_cell)
    copy.clocks = tuple(clock._replace(cell=number(clock.cell)) for clock in conversation.clocks)
    if conversation.first_turn is not None:
        clock = conversation.first_turn.clock
        copy.first_turn = conversation.first_turn._replace(
            cell=number(conversation.first_turn.cell), clock=clock and clock._replace(cell=number(clock.cell))
        )
    return copy


@quick
@given(st.data(), sometimes_rules())
def test_repeated_events_change_only_the_books(data: st.DataObject, rules: RulesConfig) -> None:
    events = data.draw(logs())
    again = data.draw(st.lists(st.sampled_from(events), max_size=10)) if events else []
    once, twice = Log(rules, events), Log(rules, events + again)
    books = once.partition.books
    expected = msgspec.structs.replace(books, duplicate=books.duplicate + len(again))
    assert everything(twice) == everything(once) | {"books": msgspec.structs.asdict(expected)}


@quick
@given(logs(), sometimes_rules())
def test_the_books_balance(events: list[Event], rules: RulesConfig) -> None:
    log = Log(rules)
    accepted = log.partition.fold(events)
    books = log.partition.books
    assert books.applied + books.duplicate == len(events)
    assert books.applied == len(accepted)
    assert books.ignored == sum(event.type not in KNOWN_TYPES for event in accepted.events)
    # Late: more than a minute before the latest instant of the preceding records.
    latest, late_ids = 0, []
    for event in events:
        if event.occurred_at < latest - 60_000:
            late_ids.append(event.id)
        latest = max(latest, event.occurred_at)
    assert log.partition.watermark == latest
    late = {event.id for event, is_late in zip(accepted.events, accepted.is_late, strict=True) if is_late}
    assert late <= set(late_ids)
    assert books.late == sum(accepted.is_late)
