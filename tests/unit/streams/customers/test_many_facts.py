"""A customer with very many facts is exact up to a limit and left out beyond it, at constant work per fact."""

from collections import Counter as Multiset
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

import pytest

from streams.conversations.facts import Kind
from streams.customers import customer as customer_module
from streams.customers.customer import Customer, Fact
from streams.customers.fold import CustomerFold, SourcedFact
from streams.panes.cells import Cell, CellIndex
from streams.panes.counters import Counter
from streams.panes.deltas import DAY_MS, HOUR_MS
from streams.rules import Rules, RulesConfig

BEGIN_MS = 1_700_000_000_000


class ManyFacts:
    """Facts about one customer, folded one after the other, with a count of the facts inspected on the way."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.looked_at = 0
        self.cells = CellIndex()
        self.cells.number(Cell("", "", "email", "private"))
        self.customers = CustomerFold(Rules(RulesConfig()), self.cells)
        self.total: Multiset[int] = Multiset()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("from_on", "up_to"):
                patch.setattr(customer_module._Near, name, self._counted(getattr(customer_module._Near, name)))
            self.customers.fold(SourcedFact(0, place, "anna", fact) for place, fact in enumerate(facts))
        for pane in self.customers.deltas.take().rolled_up().day.values():
            self.total.update({counter: count for counter, count in pane.items() if count})

    def _counted(self, look: Callable[..., Iterator[Fact]]) -> Callable[..., Iterator[Fact]]:
        def counting(near: Any, at: int) -> Iterator[Fact]:
            for fact in look(near, at):
                self.looked_at += 1
                yield fact

        return counting


def contacts(count: int, apart_ms: int) -> list[Fact]:
    """Return contacts of separate conversations, each resolved at once."""
    return [
        Fact(BEGIN_MS + number * apart_ms, kind, number, 0, "")
        for number in range(count)
        for kind in (Kind.BEGAN, Kind.RESOLVED)
    ]


def months_apart(facts: list[Fact]) -> list[Fact]:
    """Return facts of three partitions, read one after the other."""
    return [fact for partition in range(3) for fact in facts if fact.conversation % 3 == partition]


ORDERS: dict[str, Callable[[list[Fact]], list[Fact]]] = {
    "in order": lambda facts: facts,
    "backwards": lambda facts: facts[::-1],
    "partitions one after the other": months_apart,
    "in random order": lambda facts: Random(4).sample(facts, len(facts)),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_customer_with_fewer_facts_than_a_stretch_holds_is_exact_over_years_in_any_order(order: str) -> None:
    # Two facts every two hours: 192 in 8 days. Every contact but the first follows a resolve by two hours.
    found = ManyFacts(ORDERS[order](contacts(3_000, 2 * HOUR_MS)))
    assert found.total == {
        Counter.KNOWN_CONTACT: 3_000,
        Counter.REPEAT_WITHIN_DAY: 2_999,
        Counter.REPEAT_WITHIN_WEEK: 2_999,
        Counter.CASE_BEGAN: 1,
    }
    assert all(len(customer.facts) <= 256 for customer in found.customers.customers.values())


@pytest.mark.parametrize("order", ORDERS)
def test_an_id_shared_by_thousands_is_left_out_and_counted_in_any_order(order: str) -> None:
    # Two facts a minute for about ten days: all stretches are crowded. A month later one contact, which is exact.
    alone = Fact(BEGIN_MS + 40 * DAY_MS, Kind.BEGAN, 99_999, 0, "")
    found = ManyFacts(ORDERS[order]([*contacts(15_000, 60_000), alone]))
    assert found.total == {Counter.LEFT_OUT_CONTACT: 15_000, Counter.KNOWN_CONTACT: 1, Counter.CASE_BEGAN: 1}
    # Of a crowded stretch nothing is stored except that it is crowded.
    assert sum(len(customer.facts) for customer in found.customers.customers.values()) <= 4


@pytest.mark.parametrize("apart_ms", [2 * HOUR_MS, 60_000], ids=["just below the limit", "far above it"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_work_per_fact_does_not_grow_with_the_number_of_facts(order: str, apart_ms: int) -> None:
    few, many = (
        ManyFacts(ORDERS[order](contacts(count, apart_ms))).looked_at / (2 * count) for count in (1_500, 6_000)
    )
    assert many <= 1.3 * few + 2
    assert many <= 3 * customer_module.FACTS_PER_STRETCH


def test_rows_of_a_version_that_stored_a_customer_whole_are_read_unchanged() -> None:
    before = contacts(3, 6 * DAY_MS)
    found = ManyFacts([])
    found.customers.customers["anna"] = Customer("anna", sorted(before, key=lambda fact: (fact.at, fact.conversation)))
    late = Fact(BEGIN_MS + 3 * DAY_MS, Kind.BEGAN, 77, 0, "")
    found.customers.fold([SourcedFact(0, 1, "anna", late)])
    counts = Multiset[int]()
    for pane in found.customers.deltas.take().rolled_up().day.values():
        counts.update({counter: count for counter, count in pane.items() if count})
    # It follows the first one's resolve by three days, and belongs to the case that began then.
    assert counts == {Counter.KNOWN_CONTACT: 1, Counter.REPEAT_WITHIN_WEEK: 1}
    [key] = found.customers.take_touched()
    assert late in found.customers.customers[key].facts
