"""Laws of the fold: the areas, sums and horizons of minutes, hours and days."""

from collections import Counter as Multiset

from hypothesis import given
from hypothesis import strategies as st

from streams.days import ReportingDays
from streams.events import Event
from streams.panes.cells import Cell
from streams.panes.counters import BACKLOG_SIGN, COUNTERS, Counter
from streams.panes.deltas import PaneDeltas, Tiers
from streams.rules import RulesConfig
from tests.support.streams.events import DAY_MS, HOUR_MS, MINUTE_MS
from tests.support.streams.laws import BERLIN, FOR_EVER_MS, interval, open_ms_by_brute_force, oracle_of, quick
from tests.support.streams.log import Log, named
from tests.support.streams.strategies import START_MS, logs, sometimes_rules


@quick
@given(logs(), sometimes_rules(zones=("UTC", BERLIN)))
def test_the_area_under_the_backlog_equals_the_integral(events: list[Event], rules: RulesConfig) -> None:
    log = Log(rules, events)
    changes = oracle_of(events, rules, FOR_EVER_MS).changes
    for tier in Tiers._fields:
        found = {
            (start_ms, tuple(cell)): amount
            for (start_ms, cell, counter, _), amount in log.panes(tier).items()
            if counter is Counter.OPEN_MS
        }
        assert found == open_ms_by_brute_force(changes, tier, rules.reporting_zone), tier


@quick
@given(logs(), sometimes_rules(zones=("UTC", BERLIN)))
def test_within_the_horizon_hours_and_days_are_the_sums_of_their_minutes(
    events: list[Event], rules: RulesConfig
) -> None:
    log = Log(rules, events)
    for tier in ("hour", "day"):
        summed: Multiset[tuple[int, Cell, int, int]] = Multiset()
        for (start_ms, cell, counter, spread), amount in log.panes("minute").items():
            if counter != Counter.OPEN_MS:
                summed[interval(tier, start_ms, rules.reporting_zone)[0], cell, counter, spread] += amount
        coarse = {key: amount for key, amount in log.panes(tier).items() if key[2] != Counter.OPEN_MS}
        assert {key: amount for key, amount in summed.items() if amount} == coarse, tier


_instants = st.integers(START_MS - 500 * DAY_MS, START_MS + 30 * DAY_MS) | st.sampled_from(
    [START_MS - days * DAY_MS + ms for days in (14, 400) for ms in (-MINUTE_MS - 1, -1, 0, 1, MINUTE_MS, HOUR_MS)]
)
_contributions = st.lists(
    st.tuples(
        _instants,
        st.integers(0, 2),
        st.sampled_from([*COUNTERS.values()]),
        st.sampled_from([1, 1, -1, 3]),
        st.booleans(),
    ),
    max_size=25,
)


@quick
@given(_contributions, st.sampled_from(["UTC", BERLIN]))
def test_a_contribution_behind_a_tiers_horizon_skips_that_tier(
    contributions: list[tuple[int, int, int, int, bool]], zone: str
) -> None:
    # minute: 14 d behind the watermark, hour: 400 d, day: never
    deltas = PaneDeltas(ReportingDays(zone))
    watermark = 0
    expected: dict[str, Multiset[tuple[int, int, int]]] = {tier: Multiset() for tier in Tiers._fields}
    for at_ms, cell, counter, count, moves_watermark in contributions:
        horizons = {"minute": watermark - 14 * DAY_MS, "hour": watermark - 400 * DAY_MS, "day": 0}
        for tier in Tiers._fields:
            start_ms, end_ms = interval(tier, at_ms, zone)
            if start_ms >= horizons[tier] or interval("minute", at_ms)[0] >= horizons["minute"]:
                if counter != Counter.OPEN_MS:
                    expected[tier][start_ms, cell, counter] += count
                if counter in BACKLOG_SIGN:
                    expected[tier][start_ms, cell, Counter.OPEN_MS] += BACKLOG_SIGN[counter] * count * (end_ms - at_ms)
        if counter in BACKLOG_SIGN:
            deltas.add_backlog(at_ms, cell, counter, count)
        elif counter != Counter.OPEN_MS:
            deltas.add(at_ms, cell, counter, count)
        if moves_watermark:
            watermark = max(watermark, at_ms // MINUTE_MS * MINUTE_MS)
            deltas.advance(watermark)
    log = Log()
    for number in range(3):
        log.cells.number(Cell(str(number), "", "", ""))
    for tier, panes in zip(Tiers._fields, deltas.rolled_up(), strict=True):
        found = {
            (start_ms, int(cell.tenant), counter): amount
            for (start_ms, cell, counter, _), amount in named(panes, log.cells).items()
        }
        assert found == {key: amount for key, amount in expected[tier].items() if amount}, tier


@quick
@given(_instants, st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]))
def test_a_reporting_day_runs_from_midnight_to_midnight_of_its_zone(at_ms: int, zone: str) -> None:
    days = ReportingDays(zone)
    start_ms, end_ms = interval("day", at_ms, zone)
    assert (days.start(at_ms), days.end(at_ms)) == (start_ms, end_ms)
    assert start_ms <= at_ms < end_ms
    assert days.start(end_ms) == end_ms
