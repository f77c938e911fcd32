"""The fold of one partition of the topic of customer facts: facts become customers, pane deltas and books.

As in `streams.fold`, everything is a function of a prefix of that topic's log. Facts that the interactions stage
publishes again are recognised by the highest position seen per partition of its own log.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.books import Books
from streams.customers.customer import STRETCH_MS, Customer, Fact
from streams.panes.cells import CellIndex
from streams.panes.deltas import PaneDeltas
from streams.rules import Rules

NUMBER_BITS = 3
NOWHERE = -1


class SourcedFact(NamedTuple):
    """A fact about a customer and its source: the partition of the interactions and the `position` in it."""

    partition: int
    position: int
    customer: str
    fact: Fact


def position(revision: int, number: int) -> int:
    """Return the position of the `number`-th fact of an event; `revision` combines its epoch and offset."""
    return revision << NUMBER_BITS | number


def stretch_key(customer: str, number: int) -> str:
    """Return the key of a customer's facts in one stretch of event time."""
    return f"{customer}:{number}"


def remembered_keys(customer: str, at: int) -> tuple[str, ...]:
    """Return the keys of all state that a fact at `at` depends on; the last one is an earlier version's."""
    number = at // STRETCH_MS
    return (*(stretch_key(customer, neighbour) for neighbour in range(number - 1, number + 2)), customer)


class CustomerFold:
    """The state of one partition of the topic of customer facts. Takes facts in log order."""

    def __init__(self, rules: Rules, cells: CellIndex) -> None:
        self.cells = cells
        # No tier is skipped: which facts lie behind a horizon would depend on the order of the partitions.
        self.deltas = PaneDeltas(rules.days)
        #: By key of customer and stretch, see `remembered_keys`.
        self.customers: dict[str, Customer] = {}
        #: Keys of the stretches touched since `take_touched`.
        self.touched: set[str] = set()
        self.books = Books()
        #: Latest instant of any fact, UTC epoch ms.
        self.watermark = 0
        #: Highest position seen, by partition of the interactions.
        self.positions: dict[int, int] = {}

    def restore(self, watermark: int, books: Books, positions: dict[int, int]) -> None:
        """Continue from a checkpoint."""
        self.watermark, self.books, self.positions = watermark, books, positions

    def fold(self, facts: Iterable[SourcedFact]) -> None:
        """Add facts in log order; all `remembered_keys` that the ledger holds must be in `customers` before.

        The books count facts; repeated ones are duplicates.
        """
        books, customers, deltas = self.books, self.customers, self.deltas
        for source, place, key, fact in facts:
            books.consumed += 1
            if place <= self.positions.get(source, NOWHERE):
                books.duplicate += 1
                continue
            self.positions[source] = place
            books.applied += 1
            number = fact.at // STRETCH_MS
            here = stretch_key(key, number)
            customer = customers.get(here)
            if customer is None:
                customer = customers[here] = Customer(here, list(self._facts(key, number)))
            before, after = self._facts(key, number - 1), self._facts(key, number + 1)
            for (at, cell, counter), count in customer.learn(fact, before, after, self.cells):
                if count:
                    deltas.add(at, cell, counter, count)
            self.touched.add(here)
            self.watermark = max(self.watermark, fact.at)

    def _facts(self, customer: str, number: int) -> Sequence[Fact]:
        """Return the facts of a stretch that count; none if it is crowded or empty."""
        stretch = self.customers.get(stretch_key(customer, number))
        if stretch is not None:
            return () if stretch.is_crowded else stretch.facts
        # An earlier version kept all facts of a customer in one row.
        whole = self.customers.get(customer)
        return [fact for fact in whole.facts if fact.at // STRETCH_MS == number] if whole else ()

    def take_touched(self) -> set[str]:
        """Return the keys of the stretches touched since the last call."""
        touched, self.touched = self.touched, set()
        return touched
