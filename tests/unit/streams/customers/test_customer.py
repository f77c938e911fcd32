"""The customer across channels: planted histories by hand, any order of facts, and the batch computation."""

from __future__ import annotations

from collections import Counter as Multiset
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.conversations.facts import Kind, ToldFact
from streams.customers import customer as customer_module
from streams.customers.customer import Customer, Fact
from streams.customers.fold import Customers, SourcedFact, position
from streams.events import Event
from streams.panes.cache import PaneCache
from streams.panes.cells import Cell, Cells
from streams.panes.counters import COUNTERS, Counter
from streams.panes.deltas import DAY_MS, HOUR_MS, Tiers
from streams.rules import RuleBook, Rules
from tests.oracle import Oracle
from tests.oracle.customers import count_customers
from tests.support.events import Log, Panes, does, handed_off, instant, logs, message, named, opened, record, reply

NUMBERS = {number: name.lower() for name, number in COUNTERS.items()}
#: What the oracle calls them, where it has another name.
NAMES = {"exposure": "escalated_exposure", "waited": "queue_wait", "transferred": "case_transfer"}
#: The case and the conversation of a fact are pseudonyms and hashes by then; any will do that tells them apart.
EPOCH = 1


def sourced(told: list[ToldFact], cells: Cells, target: Cells, partition: int = 0) -> list[SourcedFact]:
    """Told facts as the fold of the topic reads them, with cells of its own."""
    found, number, last = [], 0, -1
    for fact in told:
        number = number + 1 if fact.offset == last else 0
        last = fact.offset
        slim = Fact(fact.at, fact.kind, hash(fact.key), target.number(cells[fact.cell]), fact.case)
        found.append(SourcedFact(partition, position(EPOCH << 40 | fact.offset, number), fact.customer, slim))
    return found


class Across:
    """Partitions of interactions, folded, and the customers that they tell of."""

    def __init__(self, *partitions: list[Event], rules: Rules | None = None) -> None:
        self.cells = Cells()
        self.customers = Customers(RuleBook(rules or Rules()), self.cells)
        self.cache = PaneCache()
        self.told: list[list[SourcedFact]] = []
        for number, events in enumerate(partitions):
            log = Log(rules, [msgspec.structs.replace(one, offset=offset) for offset, one in enumerate(events)])
            self.told.append(sourced(log.partition.take_facts(), log.cells, self.cells, number))

    def fold(self, facts: list[SourcedFact]) -> Across:
        self.customers.fold(facts)
        self.cache.add(self.customers.deltas.take().rolled_up())
        return self

    def in_turn(self) -> Across:
        return self.fold([fact for told in self.told for fact in told])

    def panes(self, tier: str = "minute") -> Panes:
        return named(getattr(self.cache.tiers, tier), self.cells)

    def counts(self) -> dict[str, int]:
        """Each counter over all of time and all cells."""
        found: Multiset[str] = Multiset()
        for (_, _, counter, _), amount in self.panes().items():
            found[NUMBERS[counter]] += amount
        return {name: amount for name, amount in found.items() if amount}

    def at(self, counter: int) -> list[str]:
        """The minutes at which a counter is not zero, and the channel, in order."""
        return sorted(
            f"{(start_ms - instant('2024-03-01 00:00')) // DAY_MS + 1}. "
            f"{start_ms % DAY_MS // HOUR_MS:02}:{start_ms // 60_000 % 60:02} {cell.channel} {amount:+}"
            for (start_ms, cell, found, _), amount in self.panes().items()
            if found == counter
        )


def history(*events: Event) -> Across:
    return Across(list(events)).in_turn()


def by_anna(about: str, *, at: str, channel: str = "email", **data: Any) -> Event:
    return opened(about, at=at, channel=channel, **({"customer_id": "anna"} | data))


# ---- planted histories --------------------------------------------------------------------------------


def test_a_contact_within_a_day_of_a_resolve_is_a_repeat_and_a_hop_on_another_channel() -> None:
    # a resolved the 4th 12:00 ---- b by phone the 5th 11:59 (day, week, hop) ---- c by email the 11th 11:59 (week)
    found = history(
        by_anna("a", at="2024-03-04 10:00"),
        does("resolved", "a", at="2024-03-04 12:00"),
        by_anna("b", at="2024-03-05 11:59", channel="phone"),
        by_anna("c", at="2024-03-11 11:59"),
    )
    assert found.at(Counter.KNOWN_CONTACT) == ["11. 11:59 email +1", "4. 10:00 email +1", "5. 11:59 phone +1"]
    assert found.at(Counter.REPEAT_WITHIN_DAY) == ["5. 11:59 phone +1"]
    assert found.at(Counter.REPEAT_WITHIN_WEEK) == ["11. 11:59 email +1", "5. 11:59 phone +1"]
    assert found.at(Counter.HOP_WITHIN_DAY) == found.at(Counter.HOP_WITHIN_WEEK) == ["5. 11:59 phone +1"]


@pytest.mark.parametrize(
    ("second", "repeats"),
    [
        ("2024-03-04 12:00:00.000", {"repeat_within_day": 1, "repeat_within_week": 1}),
        ("2024-03-05 11:59:59.999", {"repeat_within_day": 1, "repeat_within_week": 1}),
        ("2024-03-05 12:00:00.000", {"repeat_within_week": 1}),
        ("2024-03-11 11:59:59.999", {"repeat_within_week": 1}),
        ("2024-03-11 12:00:00.000", {}),
    ],
)
def test_spans_are_half_open(second: str, repeats: dict[str, int]) -> None:
    resolved = does("resolved", "a", at="2024-03-04 12:00")
    found = history(by_anna("a", at="2024-03-04 10:00"), resolved, by_anna("b", at=second))
    assert {name: count for name, count in found.counts().items() if name.startswith("repeat")} == repeats


@pytest.mark.parametrize(
    "second",
    [
        {"customer_id": "bert"},
        {"customer_id": ""},
        {"direction": "outbound"},
        {"root_id": "a"},
    ],
    ids=["another customer", "nobody known", "we called", "the same chain"],
)
def test_what_is_no_contact_of_that_customer_is_no_repeat(second: dict[str, str]) -> None:
    found = history(by_anna("a", at="10:00"), does("resolved", "a", at="11:00"), by_anna("b", at="12:00", **second))
    assert "repeat_within_week" not in found.counts()


def test_a_closed_contact_is_not_resolved_and_a_reopening_takes_no_repeat_back() -> None:
    closed = history(by_anna("a", at="10:00"), does("closed", "a", at="11:00"), by_anna("b", at="12:00"))
    assert "repeat_within_week" not in closed.counts()
    events = [by_anna("a", at="10:00"), does("resolved", "a", at="11:00"), by_anna("b", at="12:00")]
    assert history(*events, does("reopened", "a", at="13:00")).counts()["repeat_within_week"] == 1


def test_from_private_to_public_within_72_hours_is_an_exposure_where_it_is_public() -> None:
    # email the 4th 10:00 ---- public post the 7th 09:59 (exposure) ---- public post the 7th 10:00 (72 h after: none)
    post = {"channel": "social_public"}
    first = by_anna("a", at="2024-03-04 10:00")
    early, late = by_anna("b", at="2024-03-07 09:59", **post), by_anna("c", at="2024-03-07 10:00", **post)
    assert history(first, early, late).at(Counter.ESCALATED_EXPOSURE) == ["7. 09:59 social_public +1"]
    assert history(early, by_anna("a", at="2024-03-07 11:00")).at(Counter.ESCALATED_EXPOSURE) == []


def session(*end: Event) -> list[Event]:
    return [by_anna("s", at="2024-03-04 10:00", channel="self_service"), *end]


def test_a_contained_session_is_verified_a_day_after_its_end_unless_a_human_was_needed() -> None:
    # session 4th 10:00-10:05 (contained) ---- stands at the 5th 10:05 ---- an agent speaks at 10:04: taken back
    found = history(*session(does("resolved", "s", at="2024-03-04 10:05")))
    assert found.at(Counter.KNOWN_SESSION_ENDED) == ["4. 10:05 self_service +1"]
    assert found.at(Counter.SESSION_VERIFIABLE) == found.at(Counter.SESSION_VERIFIED) == ["5. 10:05 self_service +1"]
    again = by_anna("b", at="2024-03-05 10:00")
    for spoken_at, verified in (("2024-03-05 10:04", 0), ("2024-03-05 10:05", 1)):
        end = does("resolved", "s", at="2024-03-04 10:05")
        counts = history(*session(end), again, reply("b", at=spoken_at)).counts()
        assert counts.get("session_verified", 0) == verified
        assert counts["session_verifiable"] == 1


def test_a_session_that_is_handed_off_ends_then_and_is_neither_contained_nor_verified() -> None:
    log = session(handed_off("s", at="2024-03-04 10:03"), reply("s", at="2024-03-04 10:08"))
    log.append(does("resolved", "s", at="2024-03-04 10:30"))
    counts = history(*log).counts()
    assert (counts["known_session_ended"], counts["session_verifiable"]) == (1, 1)
    assert "session_verified" not in counts
    stage_one = Log(events=log)
    assert stage_one.minutes(Counter.SESSION_ENDED) == {"10:03": 1}
    assert stage_one.minutes(Counter.SESSION_CONTAINED) == {}


def test_sessions_of_nobody_known_are_contained_and_not_verified() -> None:
    log = Log(events=[opened("s", at="10:00", channel="self_service"), does("abandoned", "s", at="10:05")])
    assert log.minutes(Counter.SESSION_ENDED) == log.minutes(Counter.SESSION_CONTAINED) == {"10:05": 1}
    assert log.partition.take_facts() == []


def test_the_burden_of_a_case_adds_up_waits_transfers_repeats_and_hops() -> None:
    # case 1: email into a queue (wait 1), queued again (wait 2), transferred (1), resolved;
    #         phone two days later (repeat 1, hop 1): the same case
    # no case: a chat eight days after: a case of its own
    found = history(
        by_anna("a", at="2024-03-04 10:00", queue="billing", case_id="1"),
        does("queued", "a", at="2024-03-04 10:10", queue="service"),
        does("transferred", "a", at="2024-03-04 10:20", queue="sales"),
        does("resolved", "a", at="2024-03-04 12:00"),
        by_anna("b", at="2024-03-06 12:00", channel="phone", case_id="1"),
        by_anna("c", at="2024-03-14 12:00", channel="web_chat"),
    )
    counts = found.counts()
    assert [counts[name] for name in ("queue_wait", "case_transfer", "repeat_within_week", "hop_within_week")] == [
        2,
        1,
        1,
        1,
    ]
    assert found.at(Counter.CASE_BEGAN) == ["14. 12:00 web_chat +1", "4. 10:00 email +1"]


def test_contacts_without_a_case_are_one_case_while_no_week_lies_between_them() -> None:
    days = ("2024-03-04 10:00", "2024-03-09 10:00", "2024-03-16 09:59", "2024-03-23 09:59")
    found = history(*(by_anna(f"c{number}", at=day) for number, day in enumerate(days)))
    # 5 days, 6 d 23:59, exactly 7 days: a new one
    assert found.at(Counter.CASE_BEGAN) == ["23. 09:59 email +1", "4. 10:00 email +1"]


def test_a_customer_who_becomes_known_later_counts_from_the_opening() -> None:
    events = [opened("a", at="10:00"), message("a", at="10:05", customer_id="anna"), does("resolved", "a", at="10:30")]
    found = history(*events, by_anna("b", at="11:00"))
    assert found.at(Counter.KNOWN_CONTACT) == ["4. 10:00 email +1", "4. 11:00 email +1"]
    assert found.counts()["repeat_within_day"] == 1


def test_an_opening_that_comes_late_moves_the_contact() -> None:
    # message 10:05 is the first to come; the opening of 10:00 arrives later, on another channel
    found = history(
        message("a", at="10:05", customer_id="anna"), by_anna("a", at="10:00"), does("resolved", "a", at="10:30")
    )
    assert found.at(Counter.KNOWN_CONTACT) == ["4. 10:00 email +1"]
    chain = history(message("a", at="10:05", customer_id="anna"), by_anna("a", at="10:00", root_id="other"))
    assert chain.counts() == {}


# ---- laws ---------------------------------------------------------------------------------------------

quick = settings(max_examples=150)


def several(draw: Callable[..., Any], count: int) -> list[list[Event]]:
    """Logs of some partitions, with conversations of their own and shared customers."""
    partitions = []
    for number in range(count):
        events = draw(logs(max_size=20))
        partitions.append(
            [msgspec.structs.replace(one, source=f"/{number}{one.source}", key=f"/{number}{one.key}") for one in events]
        )
    return partitions


def told_by(*moments: str) -> list[list[Event]]:
    """Partitions that each tell of one contact, resolved an hour later."""
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
def test_how_far_apart_partitions_are_read_shows_in_no_number(order: tuple[int, ...]) -> None:
    across = Across(*told_by("2021-03-04", "2023-03-04", "2025-02-20", "2025-03-04"))
    across.told = [across.told[number] for number in order]
    across.in_turn()
    assert [len(known(across.panes(tier))) for tier in Tiers._fields] == [4, 4, 4]


#: So few that stretches of the drawn logs are crowded, and as it is.
LIMITS = st.sampled_from([1, 2, 3, 5, 8, customer_module.FACTS_PER_STRETCH])


@quick
@given(st.data(), LIMITS)
def test_any_interleaving_of_the_partitions_gives_the_same_panes_and_customers(data: st.DataObject, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(customer_module, "FACTS_PER_STRETCH", limit)
        across = Across(*several(data.draw, 3))
        chance = Random(data.draw(st.integers(0, 2**32)))
        shuffled = Across()
        shuffled.cells, shuffled.customers = across.cells, Customers(RuleBook(Rules()), across.cells)
        left = [list(told) for told in across.told]
        while any(left):
            told = chance.choice([one for one in left if one])
            shuffled.fold([told.pop(0) for _ in range(min(len(told), chance.randint(1, 3)))])
        across.in_turn()
    for tier in Tiers._fields:
        assert shuffled.panes(tier) == across.panes(tier)
    assert shuffled.customers.customers.keys() == across.customers.customers.keys()
    for key, one in across.customers.customers.items():
        assert one.facts == shuffled.customers.customers[key].facts


@quick
@given(st.data())
def test_a_stretch_that_is_told_again_changes_the_books_alone(data: st.DataObject) -> None:
    across = Across(*several(data.draw, 2))
    again = Across(*([] for _ in across.told))
    again.cells, again.customers = across.cells, Customers(RuleBook(Rules()), across.cells)
    for told in across.told:
        cut = data.draw(st.integers(0, len(told)))
        back = data.draw(st.integers(0, cut))
        again.fold(told[:cut]).fold(told[back:])
    assert again.panes() == across.in_turn().panes()
    books, expected = again.customers.books, across.customers.books
    assert books.applied == expected.applied == books.consumed - books.duplicate


@quick
@given(st.data(), LIMITS)
def test_panes_equal_the_batch_computation(data: st.DataObject, limit: int) -> None:
    partitions = several(data.draw, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(customer_module, "FACTS_PER_STRETCH", limit)
        across = Across(*partitions).in_turn()
    conversations = [one for events in partitions for one in Oracle(map(record, events)).conversations]
    expected = Multiset[tuple[int, Cell, str]]()
    for (name, at_ms, cell), count in count_customers(conversations, limit).items():
        expected[at_ms // 60_000 * 60_000, Cell(*cell), NAMES.get(name, name)] += count
    found = {
        (start_ms, cell, NUMBERS[counter]): count for (start_ms, cell, counter, _), count in across.panes().items()
    }
    assert found == expected


# ---- very many facts ----------------------------------------------------------------------------------

BEGIN_MS = 1_700_000_000_000


class Many:
    """Facts about one customer, taken in one after the other; how many facts were looked at on the way."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.looked_at = 0
        self.cells = Cells()
        self.cells.number(Cell("", "", "email", "private"))
        self.customers = Customers(RuleBook(Rules()), self.cells)
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
    """Contacts of conversations of their own, each resolved at once."""
    return [
        Fact(BEGIN_MS + number * apart_ms, kind, number, 0, "")
        for number in range(count)
        for kind in (Kind.BEGAN, Kind.RESOLVED)
    ]


def months_apart(facts: list[Fact]) -> list[Fact]:
    """Of three partitions, one read after the other."""
    return [fact for partition in range(3) for fact in facts if fact.conversation % 3 == partition]


ORDERS: dict[str, Callable[[list[Fact]], list[Fact]]] = {
    "in order": lambda facts: facts,
    "backwards": lambda facts: facts[::-1],
    "partitions one after the other": months_apart,
    "by chance": lambda facts: Random(4).sample(facts, len(facts)),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_customer_with_fewer_facts_than_a_stretch_holds_is_exact_over_years_in_any_order(order: str) -> None:
    # Two facts every two hours: 192 in 8 days. Every contact but the first follows a resolve by two hours.
    found = Many(ORDERS[order](contacts(3_000, 2 * HOUR_MS)))
    assert found.total == {
        Counter.KNOWN_CONTACT: 3_000,
        Counter.REPEAT_WITHIN_DAY: 2_999,
        Counter.REPEAT_WITHIN_WEEK: 2_999,
        Counter.CASE_BEGAN: 1,
    }
    assert all(len(one.facts) <= 256 for one in found.customers.customers.values())


@pytest.mark.parametrize("order", ORDERS)
def test_an_id_that_stands_for_thousands_is_left_out_and_counted_in_any_order(order: str) -> None:
    # Two facts a minute, for ten days or so: all stretches are crowded. Then a month later one contact, which is exact.
    alone = Fact(BEGIN_MS + 40 * DAY_MS, Kind.BEGAN, 99_999, 0, "")
    found = Many(ORDERS[order]([*contacts(15_000, 60_000), alone]))
    assert found.total == {Counter.LEFT_OUT_CONTACT: 15_000, Counter.KNOWN_CONTACT: 1, Counter.CASE_BEGAN: 1}
    # Of each crowded stretch nothing is remembered but that it is.
    assert sum(len(one.facts) for one in found.customers.customers.values()) <= 4


@pytest.mark.parametrize("apart_ms", [2 * HOUR_MS, 60_000], ids=["just below the limit", "far above it"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_work_for_a_fact_does_not_grow_with_the_facts_before_it(order: str, apart_ms: int) -> None:
    few, many = (Many(ORDERS[order](contacts(count, apart_ms))).looked_at / (2 * count) for count in (1_500, 6_000))
    assert many <= 1.3 * few + 2
    assert many <= 3 * customer_module.FACTS_PER_STRETCH


def test_rows_of_a_version_that_kept_a_customer_whole_are_read_as_they_are() -> None:
    before = contacts(3, 6 * DAY_MS)
    found = Many([])
    found.customers.customers["anna"] = Customer("anna", sorted(before, key=lambda fact: (fact.at, fact.conversation)))
    late = Fact(BEGIN_MS + 3 * DAY_MS, Kind.BEGAN, 77, 0, "")
    found.customers.fold([SourcedFact(0, 1, "anna", late)])
    counts = Multiset[int]()
    for pane in found.customers.deltas.take().rolled_up().day.values():
        counts.update({counter: count for counter, count in pane.items() if count})
    # It follows the first one's resolve by three days, and is of the case that began then.
    assert counts == {Counter.KNOWN_CONTACT: 1, Counter.REPEAT_WITHIN_WEEK: 1}
    [key] = found.customers.take_touched()
    assert late in found.customers.customers[key].facts
