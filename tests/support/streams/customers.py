"""Partitions of interactions and their customer facts."""

from collections import Counter as Multiset
from typing import Self

import msgspec

from streams.conversations.facts import ConversationFact
from streams.customers.customer import Fact
from streams.customers.fold import CustomerFold, SourcedFact, position
from streams.events import Event
from streams.panes.cache import PaneCache
from streams.panes.cells import CellIndex
from streams.panes.counters import COUNTERS
from streams.panes.deltas import DAY_MS, HOUR_MS
from streams.rules import Rules, RulesConfig
from tests.support.streams.events import instant
from tests.support.streams.log import Log, Panes, named

NUMBERS = {number: name.lower() for name, number in COUNTERS.items()}
#: In the topic, case and conversation of a fact are pseudonyms and hashes; any distinct values will do.
EPOCH = 1


def sourced(
    conversation_facts: list[ConversationFact], cells: CellIndex, target: CellIndex, partition: int = 0
) -> list[SourcedFact]:
    """Return facts as the customers fold reads them, with cells of its own."""
    found, number, last = [], 0, -1
    for fact in conversation_facts:
        number = number + 1 if fact.offset == last else 0
        last = fact.offset
        slim = Fact(fact.at, fact.kind, hash(fact.key), target.number(cells[fact.cell]), fact.case)
        found.append(SourcedFact(partition, position(EPOCH << 40 | fact.offset, number), fact.customer, slim))
    return found


class CustomerHistory:
    """Folded partitions of interactions, and the customer facts they publish."""

    def __init__(self, *partitions: list[Event], rules: RulesConfig | None = None) -> None:
        self.cells = CellIndex()
        self.customers = CustomerFold(Rules(rules or RulesConfig()), self.cells)
        self.cache = PaneCache()
        self.facts: list[list[SourcedFact]] = []
        for number, events in enumerate(partitions):
            log = Log(rules, [msgspec.structs.replace(event, offset=offset) for offset, event in enumerate(events)])
            self.facts.append(sourced(log.partition.take_facts(), log.cells, self.cells, number))

    def fold(self, facts: list[SourcedFact]) -> Self:
        self.customers.fold(facts)
        self.cache.add(self.customers.deltas.take().rolled_up())
        return self

    def in_turn(self) -> Self:
        return self.fold([fact for partition in self.facts for fact in partition])

    def panes(self, tier: str = "minute") -> Panes:
        return named(getattr(self.cache.tiers, tier), self.cells)

    def counts(self) -> dict[str, int]:
        """Return each counter over all of time and all cells."""
        found: Multiset[str] = Multiset()
        for (_, _, counter, _), amount in self.panes().items():
            found[NUMBERS[counter]] += amount
        return {name: amount for name, amount in found.items() if amount}

    def at(self, counter: int) -> list[str]:
        """Return the minutes at which a counter is not zero, and the channel, in order."""
        return sorted(
            f"{(start_ms - instant('2024-03-01 00:00')) // DAY_MS + 1}. "
            f"{start_ms % DAY_MS // HOUR_MS:02}:{start_ms // 60_000 % 60:02} {cell.channel} {amount:+}"
            for (start_ms, cell, found, _), amount in self.panes().items()
            if found == counter
        )


def history(*events: Event) -> CustomerHistory:
    """Fold one partition of interactions and the customer facts it publishes."""
    return CustomerHistory(list(events)).in_turn()
