"""Laws of the fold: panes add up, over conversations and over time."""

from collections import Counter as Multiset

from hypothesis import given

from streams.conversations.conversation import OPEN
from streams.events import Event
from streams.panes.cells import Cell
from streams.panes.counters import BACKLOG_SIGN, Counter
from streams.panes.deltas import Tiers
from streams.rules import RulesConfig
from tests.support.streams.events import make_event
from tests.support.streams.laws import BERLIN, quick, stocks
from tests.support.streams.log import Log, is_expired, totals
from tests.support.streams.strategies import logs, sometimes_rules


@quick
@given(logs(is_long=True), sometimes_rules(zones=("UTC", BERLIN)))
def test_a_pane_is_the_sum_of_its_conversations_contributions(events: list[Event], rules: RulesConfig) -> None:
    # Alone, but with the same course of the watermark: the events of others remain, without effect.
    whole = Log(rules, events)
    summed: dict[str, Multiset[tuple[int, Cell, int, int]]] = {tier: Multiset() for tier in Tiers._fields}
    for source, about in {(event.source, event.conversation_id) for event in events}:
        alone = Log(rules)
        alone.fold(
            *(
                event
                if (event.source, event.conversation_id) == (source, about)
                else make_event("weather.changed", "the weather", event.occurred_at, f"weather {number}")
                for number, event in enumerate(events)
            )
        )
        for tier in Tiers._fields:
            for key, amount in alone.panes(tier).items():
                summed[tier][key] += amount
    for tier in Tiers._fields:
        assert {key: amount for key, amount in summed[tier].items() if amount} == whole.panes(tier), tier


@quick
@given(logs(), sometimes_rules())
def test_per_cell_arrivals_minus_departures_plus_moves_are_the_open_conversations(
    events: list[Event], rules: RulesConfig
) -> None:
    log = Log(rules, events)
    watermark = log.partition.watermark
    open_by_cell = Multiset(
        log.cells[conversation.cell]
        for conversation in log.partition.conversations.values()
        if conversation.state == OPEN and not is_expired(conversation, watermark)
    )
    for tier in ("minute", "hour"):  # an expiry is dated at a full hour
        backlog: Multiset[Cell] = Multiset()
        for (start_ms, cell, counter, _), amount in log.panes(tier).items():
            if counter != Counter.EXPIRING or start_ms <= watermark:
                backlog[cell] += BACKLOG_SIGN.get(counter, 0) * amount
        assert {cell: amount for cell, amount in backlog.items() if amount} == open_by_cell
    for tier in Tiers._fields:
        waiting, since = Multiset[Cell](), Multiset[Cell]()
        for (_, cell, counter), amount in stocks(log, tier).items():
            (since if counter is Counter.OPEN_SINCE else waiting)[cell] += amount
        assert {cell: amount for cell, amount in since.items() if amount} == open_by_cell
        assert {cell: amount for cell, amount in waiting.items() if amount} == open_by_cell


@quick
@given(logs(is_long=True), sometimes_rules())
def test_over_years_the_days_still_hold_every_open_conversation(events: list[Event], rules: RulesConfig) -> None:
    log = Log(rules, events)
    never_expiring = Multiset(
        log.cells[conversation.cell]
        for conversation in log.partition.conversations.values()
        if conversation.state == OPEN and not conversation.expires_at
    )
    backlog: Multiset[Cell] = Multiset()
    for (cell, counter), amount in totals(log.panes("day")).items():
        backlog[cell] += BACKLOG_SIGN.get(counter, 0) * amount
    assert {cell: amount for cell, amount in backlog.items() if amount} == never_expiring


@quick
@given(logs(), sometimes_rules())
def test_no_stock_is_ever_negative(events: list[Event], rules: RulesConfig) -> None:
    log = Log(rules, events)
    for tier in Tiers._fields:
        for (_, _, counter, _), amount in log.panes(tier).items():
            if Counter.OPEN_SINCE <= counter <= Counter.SLA_MARGIN or counter is Counter.EXPIRING:
                assert amount > 0
