"""Ids sent as queues: the log is counted in a bounded number of cells, and nothing is lost."""

from collections import Counter as Multiset

import msgspec
from hypothesis import given, settings

from streams.events import Event
from streams.panes.admission import Admission
from streams.panes.cells import OTHER, Cell, CellIndex
from streams.panes.counters import Counter
from streams.rules import RulesConfig, Targets
from tests.support.streams.events import does, message, opened
from tests.support.streams.log import Log, all_tiers, rules
from tests.support.streams.strategies import logs


def test_beyond_the_limit_queues_and_then_all_dimensions_are_counted_as_one() -> None:
    cells = CellIndex()
    admission = Admission(cells, limit=2)

    def admitted(*cell: str) -> Cell:
        return cells[admission.number(Cell(*cell))]

    first, second = Cell("", "a", "email", "private"), Cell("", "b", "email", "private")
    assert [admitted(*first), admitted(*second)] == [first, second]
    # Two are admitted: of the third only the queue becomes (other), and known ones stay as they are.
    assert admitted("", "c", "email", "private") == Cell("", OTHER, "email", "private")
    assert admitted("north", "c", "email", "private") == Cell("north", OTHER, "email", "private")
    assert admitted(*first) == first
    # Four are: unbounded tenants and channels become (other), too.
    assert admitted("south", "c", "email", "private") == Cell(OTHER, OTHER, OTHER, "private")
    assert admitted("west", "d", "fax", "private") == Cell(OTHER, OTHER, OTHER, "private")
    assert admitted("", "e", "email", "private") == Cell("", OTHER, "email", "private")


def test_order_numbers_as_queues_are_counted_once_and_the_backlog_stays_right() -> None:
    # 30 orders opened, of which 10 have a cell of their own and 20 are (other); all closed: no backlog remains.
    log = Log(rules(first_response=600, cell_limit=10))
    for number in range(30):
        log.fold(opened(f"c{number}", at="12:00", queue=f"order-{number}"))
    assert log.backlog("12:00") == 30
    assert log.backlog("12:00", queue=OTHER) == 20
    assert len(log.partition.admission) == 11
    for number in range(30):
        log.fold(message(f"c{number}", at="12:05", by="agent"), does("closed", f"c{number}", at="12:10"))
    assert log.backlog("12:10") == log.backlog("12:10", queue=OTHER) == 0
    assert log.count(Counter.FIRST_RESPONSE) == 30


def test_repeating_a_queue_beyond_the_limit_moves_nothing() -> None:
    # 12:00 opened beyond the limit ── 12:30 answered, the same queue again ── resolved at 12:10, which arrives last
    # Nothing moved at 12:30, so the resolve keeps its own minute: open at 12:09, not at 12:10.
    for limit in (10, 5_000):
        log = Log(rules(first_response=600, cell_limit=limit))
        for number in range(11):
            log.fold(opened(f"c{number}", at="12:00", queue=f"order-{number}"))
        answer = message("c10", at="12:30", by="agent", queue="order-10")
        log.fold(answer, does("resolved", "c10", at="12:10"))
        assert (log.backlog("12:09"), log.backlog("12:10")) == (11, 10)


@settings(max_examples=200, deadline=None)
@given(logs(max_size=25))
def test_the_totals_are_the_same_under_any_limit(events: list[Event]) -> None:
    """For events in the order in which they happened.

    A move between two queues beyond the limit is none, so a later event dated before it keeps its own minute there.
    """
    targets = Targets(1800, 1800, 6 * 3600)
    events = [
        msgspec.structs.replace(event, offset=offset)
        for offset, event in enumerate(sorted(events, key=lambda event: event.occurred_at))
    ]

    def totals(cell_limit: int) -> dict[str, Multiset[tuple[int, int, int]]]:
        log = Log(RulesConfig(targets=targets, cell_limit=cell_limit), events)
        found = {}
        for tier, panes in all_tiers(log.cache.tiers, log.cells).items():
            found[tier] = Multiset[tuple[int, int, int]]()
            for (start_ms, _, counter, spread), amount in panes.items():
                # Moves between cells, and returns to an earlier queue, have fewer cells to move between.
                if counter not in (Counter.MOVED_IN, Counter.MOVED_OUT, Counter.PING_PONG):
                    found[tier][start_ms, counter, spread] += amount
            found[tier] = Multiset({key: amount for key, amount in found[tier].items() if amount})
        return found

    assert totals(3) == totals(5_000)
