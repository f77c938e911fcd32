"""The fold of one partition of the topic of contacts: from facts to customers, pane deltas and books.

Like `partition`, everything is a function of a prefix of that topic's log. A stretch that stage 1 tells again is known
by the highest position seen of each partition of its own log.
"""

from collections.abc import Iterable
from typing import NamedTuple

from streams.customer import Customer, Fact
from streams.panes import MINUTE_MS, Cells, PaneDeltas
from streams.partition import Books
from streams.rules import RuleBook

NUMBER_BITS = 3
NOWHERE = -1


class SourcedFact(NamedTuple):
    """A fact about a customer, and where it was told: which partition of the interactions, which `position` there."""

    partition: int
    position: int
    customer: str
    fact: Fact


def position(revision: int, number: int) -> int:
    """The place of the `number`-th fact that an event tells; `revision` is that of its epoch and offset."""
    return revision << NUMBER_BITS | number


class Customers:
    """The state of one partition of the topic of contacts. Facts go in in log order."""

    def __init__(self, book: RuleBook, cells: Cells) -> None:
        self.cells = cells
        self.deltas = PaneDeltas(book.days)
        self.customers: dict[str, Customer] = {}
        #: Keys of the customers touched since `take_touched`.
        self.touched: set[str] = set()
        self.books = Books()
        #: Latest instant of any fact, UTC epoch ms.
        self.watermark = 0
        #: Highest position seen, by partition of the interactions.
        self.positions: dict[int, int] = {}

    def restore(self, watermark: int, books: Books, positions: dict[int, int]) -> None:
        """Begin at a checkpoint."""
        self.watermark, self.books, self.positions = watermark, books, positions
        self.deltas.advance(watermark // MINUTE_MS * MINUTE_MS)

    def fold(self, facts: Iterable[SourcedFact]) -> None:
        """Take in facts in log order; every customer that the ledger holds must be in `customers` before.

        The books count facts: those told again are duplicates.
        """
        books, customers, deltas = self.books, self.customers, self.deltas
        for source, place, key, fact in facts:
            books.consumed += 1
            if place <= self.positions.get(source, NOWHERE):
                books.duplicate += 1
                continue
            self.positions[source] = place
            books.applied += 1
            customer = customers.get(key)
            if customer is None:
                customer = customers[key] = Customer(key)
            for (at, cell, counter), count in customer.learn(fact, self.cells):
                if count:
                    deltas.add(at, cell, counter, count)
            self.touched.add(key)
            if fact.at > self.watermark:
                if fact.at // MINUTE_MS != self.watermark // MINUTE_MS:
                    deltas.advance(fact.at // MINUTE_MS * MINUTE_MS)
                self.watermark = fact.at

    def take_touched(self) -> set[str]:
        """The keys of the customers touched since the last call."""
        touched, self.touched = self.touched, set()
        return touched
