"""The customer across channels equals the batch computation, in any order of facts."""

from collections import Counter as Multiset
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.customers import customer as customer_module
from streams.customers.fold import CustomerFold
from streams.events import Event
from streams.panes.cells import Cell
from streams.panes.counters import Counter
from streams.panes.deltas import Tiers
from streams.rules import Rules, RulesConfig
from tests.oracle import Oracle
from tests.oracle.customers import count_customers
from tests.support.streams.customers import NUMBERS, CustomerHistory
from tests.support.streams.events import does, opened, record
from tests.support.streams.log import Panes
from tests.support.streams.strategies import logs

#: The oracle's names, where they differ.
NAMES = {"exposure": "escalated_exposure", "waited": "queue_wait", "transferred": "case_transfer"}

quick = settings(max_examples=150)


def several(draw: Callable[..., Any], count: int) -> list[list[Event]]:
    """Draw logs of some partitions, with conversations of their own and shared customers."""
    partitions = []
    for number in range(count):
        events = draw(logs(max_size=20))
        partitions.append(
            [
                msgspec.structs.replace(event, source=f"/{number}{event.source}", key=f"/{number}{event.key}")
                for event in events
            ]
        )
    return partitions


def one_contact_each(*moments: str) -> list[list[Event]]:
    """Return partitions with one contact each, resolved an hour later."""
    return [
        [
            opened(f"{number}", at=f"{moment} 10:00", channel="email", customer_id=f"customer {number}"),
            does("resolved", f"{number}", at=f"{moment} 11:00"),
        ]
        for number, moment in enumerate(moments)
    ]


def known(panes: Panes) -> list[int]:
    return sorted(start_ms for (start_ms, _, counter, _), _ in panes.items() if counter == Counter.KNOWN_CONTACT)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_lag_between_partitions_changes_no_number(order: tuple[int, ...]) -> None:
    history = CustomerHistory(*one_contact_each("2021-03-04", "2023-03-04", "2025-02-20", "2025-03-04"))
    history.facts = [history.facts[number] for number in order]
    history.in_turn()
    assert [len(known(history.panes(tier))) for tier in Tiers._fields] == [4, 4, 4]


#: So few that stretches of the drawn logs are crowded, and the default.
LIMITS = st.sampled_from([1, 2, 3, 5, 8, customer_module.FACTS_PER_STRETCH])


@quick
@given(st.data(), LIMITS)
def test_any_interleaving_of_the_partitions_gives_the_same_panes_and_customers(data: st.DataObject, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(customer_module, "FACTS_PER_STRETCH", limit)
        history = CustomerHistory(*several(data.draw, 3))
        chance = Random(data.draw(st.integers(0, 2**32)))
        shuffled = CustomerHistory()
        shuffled.cells, shuffled.customers = history.cells, CustomerFold(Rules(RulesConfig()), history.cells)
        left = [list(pending) for pending in history.facts]
        while any(left):
            pending = chance.choice([partition for partition in left if partition])
            shuffled.fold([pending.pop(0) for _ in range(min(len(pending), chance.randint(1, 3)))])
        history.in_turn()
    for tier in Tiers._fields:
        assert shuffled.panes(tier) == history.panes(tier)
    assert shuffled.customers.customers.keys() == history.customers.customers.keys()
    for key, customer in history.customers.customers.items():
        assert customer.facts == shuffled.customers.customers[key].facts


@quick
@given(st.data())
def test_a_repeated_stretch_changes_only_the_books(data: st.DataObject) -> None:
    history = CustomerHistory(*several(data.draw, 2))
    again = CustomerHistory(*([] for _ in history.facts))
    again.cells, again.customers = history.cells, CustomerFold(Rules(RulesConfig()), history.cells)
    for partition in history.facts:
        cut = data.draw(st.integers(0, len(partition)))
        back = data.draw(st.integers(0, cut))
        again.fold(partition[:cut]).fold(partition[back:])
    assert again.panes() == history.in_turn().panes()
    books, expected = again.customers.books, history.customers.books
    assert books.applied == expected.applied == books.consumed - books.duplicate


@quick
@given(st.data(), LIMITS)
def test_panes_equal_the_batch_computation(data: st.DataObject, limit: int) -> None:
    partitions = several(data.draw, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(customer_module, "FACTS_PER_STRETCH", limit)
        history = CustomerHistory(*partitions).in_turn()
    conversations = [
        conversation for events in partitions for conversation in Oracle(map(record, events)).conversations
    ]
    expected = Multiset[tuple[int, Cell, str]]()
    for (name, at_ms, cell), count in count_customers(conversations, limit).items():
        expected[at_ms // 60_000 * 60_000, Cell(*cell), NAMES.get(name, name)] += count
    found = {
        (start_ms, cell, NUMBERS[counter]): count for (start_ms, cell, counter, _), count in history.panes().items()
    }
    assert found == expected
