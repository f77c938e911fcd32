"""The watch over many series: one burst is one episode, and nights are not silence."""

from copy import deepcopy
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from benchmarks.spikes.series import DAY_MINUTES, draw, season
from streams.spikes.calendar import LocalTime
from streams.spikes.episodes import Episode, OngoingEpisode
from streams.spikes.series import Counts, Place, Series
from streams.spikes.watch import Watch
from tests.support.streams.watches import CHAT, OTHER_PHONE, WEEK, Life, kinds, traffic


def test_a_burst_in_one_cell_is_one_episode_of_that_cell(learned: Life) -> None:
    life = deepcopy(learned)
    assert life.observe(120) == []
    begin = life.minute
    began, *rest = life.observe(20, lambda place: 6.0 if place == CHAT else 1.0)
    assert began.kind == "began"
    episode = began.episode
    assert episode.series == Series("inflow", "cell", "t", "sales", "chat")
    assert begin - 1 <= episode.since <= episode.detected < begin + 4
    assert (episode.contributors[0].queue, episode.contributors[0].channel) == ("sales", "chat")
    assert kinds(rest) in ([], ["worsened"])
    (now,) = life.watch.open_episodes
    assert (now.series, now.since, now.detected) == (episode.series, episode.since, episode.detected)
    assert now.observed > episode.observed
    end = life.minute
    (ended,) = life.observe(60)
    assert ended.kind == "ended"
    assert ended.episode.until is not None
    assert end - 2 <= ended.episode.until < end + 5
    assert 4 < ended.episode.ratio < 8
    assert life.watch.open_episodes == []
    assert life.observe(120) == []


def test_a_rise_everywhere_is_one_episode_of_the_total(learned: Life) -> None:
    life = deepcopy(learned)
    changes = life.observe(20, lambda place: 4.0)
    assert [change.episode.series for change in changes if change.kind == "began"] == [Series("inflow", "all", "t")]
    assert len(changes[0].episode.contributors) >= 2


def test_two_unrelated_bursts_are_two_episodes(learned: Life) -> None:
    life = deepcopy(learned)
    first = life.observe(30, lambda place: 6.0 if place == CHAT else 1.0)
    second = life.observe(30, lambda place: {CHAT: 6.0, OTHER_PHONE: 12.0}.get(place, 1.0))
    assert [c.episode.series.scope for c in first if c.kind == "began"] == ["cell"]
    assert [c.episode.series[3:] for c in second if c.kind == "began"] == [("help", "phone")]
    assert len(life.watch.open_episodes) == 2


def test_a_silent_channel_is_noticed_and_its_episode_ends_when_it_resumes(learned: Life) -> None:
    life = deepcopy(learned)
    begin = life.minute
    (began,) = life.observe(30, lambda place: 0.0 if place.channel == "chat" else 1.0)
    assert (began.kind, began.episode.series) == ("began", Series("silence", "channel", "t", channel="chat"))
    assert began.episode.severity == "page"
    assert began.episode.observed == 0
    # Three a minute are expected.
    assert began.episode.detected < begin + 15
    (ended,) = life.observe(10)
    assert ended.kind == "ended"
    assert life.observe(240) == []


def test_the_silence_of_everything_is_one_episode(learned: Life) -> None:
    life = deepcopy(learned)
    (began,) = life.observe(60, lambda place: 0.0)
    assert began.episode.series == Series("silence", "all", "t")
    assert kinds(life.observe(10)) == ["ended"]


def test_nights_weekends_and_sharp_openings_are_neither_silence_nor_spikes() -> None:
    life = Life(Watch(1.0), seed=2)

    def opened(place: Place) -> float:
        is_open = 480 <= life.minute % DAY_MINUTES < 1_080 and life.minute // DAY_MINUTES % 7 not in (2, 3)
        return 2.0 if is_open else 0.0

    assert all(change.episode.series.measure != "silence" for change in life.observe(WEEK, opened))
    assert life.observe(2 * WEEK, opened) == []


def test_quiet_weeks_stay_within_the_budget_for_all_series_together() -> None:
    life = Life(Watch(1.0), seed=3)
    life.learn(2 * WEEK, lambda place: season(life.minute))
    changes = life.observe(2 * WEEK, lambda place: season(life.minute))
    # Two are allowed in two weeks.
    assert kinds(changes).count("began") <= 2


def test_a_burst_before_evaluation_began_is_not_an_episode(learned: Life) -> None:
    """For a ledger with a history when the rolling stage first runs: it was never reported, and it is over."""
    life = deepcopy(learned)
    life.learn(60, lambda place: 8.0 if place == CHAT else 1.0)
    life.learn(30)
    assert life.observe(120) == []


def test_an_episode_of_a_vanished_series_ends_within_a_week() -> None:
    gone = Series("inflow", "cell", "t", "closed", "fax")
    life = Life(Watch(1.0))
    life.watch.resume([OngoingEpisode(Episode(gone, DAY_MINUTES, DAY_MINUTES + 2, 90, 10.0, "page"))])
    life.learn(DAY_MINUTES + 60)
    changes = life.observe(WEEK)
    (ended,) = [change.episode for change in changes if change.episode.series == gone]
    assert ended.until is not None
    assert ended.until <= DAY_MINUTES + WEEK


def test_skipped_minutes_are_unknown_and_not_silence(learned: Life) -> None:
    life = deepcopy(learned)
    life.observe(10)
    life.minute += 3 * DAY_MINUTES
    assert life.observe(120) == []


def test_a_new_or_rare_series_is_only_watched_within_wider_ones(learned: Life) -> None:
    life = deepcopy(learned)
    life.observe(1)
    rare = Place("t", "rare", "chat")
    for number in range(40):
        counts = traffic(life.chance, life.minute)
        counts[rare] = Counts(arrived_count=3)
        life.watch.observe(life.minute, counts)
        life.minute += 1
        assert all(series.queue != "rare" for series in life.watch.watched), number


def test_calls_out_of_order_are_refused(learned: Life) -> None:
    life = deepcopy(learned)
    with pytest.raises(ValueError, match="to resume before"):
        life.watch.resume([])
    life.observe(1)
    with pytest.raises(ValueError, match=f"after {life.minute - 1}"):
        life.watch.observe(life.minute - 1, {})
    with pytest.raises(ValueError, match="to learn before"):
        life.watch.learn(life.minute, {})
    with pytest.raises(ValueError, match="more than 0"):
        Watch(0)


def test_rises_at_two_tenants_are_not_merged() -> None:
    first, second = Place("s", "help", "chat"), Place("t", "help", "chat")
    chance, watch = Random(7), Watch(1.0)
    changes = []
    # From a Monday on: the third day is a working day, too.
    for minute in range(4 * DAY_MINUTES, 6 * DAY_MINUTES + 30):
        factor = 6.0 if minute >= 6 * DAY_MINUTES else 1.0
        counts = {place: Counts(arrived_count=draw(chance, 3 * factor, 1.0)) for place in (first, second)}
        if minute < 6 * DAY_MINUTES - 60:
            watch.learn(minute, counts)
        else:
            changes += watch.observe(minute, counts)
    began = [change.episode.series for change in changes if change.kind == "began"]
    assert sorted(series.tenant for series in began) == ["s", "t"]


def test_escalations_and_inflow_are_separate_measures(learned: Life) -> None:
    life = deepcopy(learned)
    for _ in range(2 * DAY_MINUTES):
        counts = {
            place: count._replace(escalated_count=1) for place, count in traffic(life.chance, life.minute).items()
        }
        life.watch.learn(life.minute, counts)
        life.minute += 1
    began = []
    for _ in range(10):
        counts = {
            place: count._replace(escalated_count=9) for place, count in traffic(life.chance, life.minute).items()
        }
        began += [change.episode.series for change in life.watch.observe(life.minute, counts) if change.kind == "began"]
        life.minute += 1
    assert began == [Series("escalations", "all", "t")]


def test_escalations_and_inflow_that_rise_at_one_place_are_one_incident(learned: Life) -> None:
    life = deepcopy(learned)

    def escalating(every_minutes: int, number: int) -> dict[Place, Counts]:
        counts = traffic(life.chance, life.minute, lambda place: 6.0 if number > 1 and place == CHAT else 1.0)
        if life.minute % every_minutes == 0:
            counts[CHAT] = counts.get(CHAT, Counts())._replace(escalated_count=number)
        return counts

    for _ in range(2 * DAY_MINUTES):
        life.watch.learn(life.minute, escalating(20, 1))
        life.minute += 1
    begun: list[Episode] = []
    for _ in range(20):
        changes = life.watch.observe(life.minute, escalating(1, 5))
        begun += [change.episode for change in changes if change.kind == "began"]
        life.minute += 1
    assert {episode.series for episode in begun} == {
        Series("escalations", "cell", "t", "sales", "chat"),
        Series("inflow", "cell", "t", "sales", "chat"),
    }
    assert len({episode.incident_key for episode in begun}) == 1


@pytest.mark.slow
def test_a_tenant_with_a_calendar_of_its_own_is_judged_by_it() -> None:
    """Two tenants open at eight, one of them in New York, where clocks change on another day."""
    zones = {"b": ZoneInfo("Europe/Berlin"), "n": ZoneInfo("America/New_York")}
    # New York's clocks go forward on 10 March 2024, those of Berlin three weeks later.
    start = int(datetime(2024, 2, 5, tzinfo=UTC).timestamp()) // 60
    change = int(datetime(2024, 3, 11, tzinfo=UTC).timestamp()) // 60
    chance = Random(4)

    def openings(of_tenants: dict[str, LocalTime]) -> int:
        watch = Watch(1.0, LocalTime(zones["b"]), of_tenants)
        found = 0
        for minute in range(start, change + 5 * DAY_MINUTES):
            if minute % 60 == 0:
                times = [datetime.fromtimestamp(minute * 60, zone) for zone in zones.values()]
                means = [5.0 if time.weekday() < 5 and 8 <= time.hour < 18 else 0.02 for time in times]
            counts = {
                Place(tenant, "q", "phone"): Counts(arrived_count=draw(chance, mean, 1.5))
                for tenant, mean in zip(zones, means, strict=True)
            }
            if minute < change:
                watch.learn(minute, counts)
            else:
                found += sum(change.kind == "began" for change in watch.observe(minute, counts))
        return found

    assert openings({"n": LocalTime(zones["n"])}) <= 1
    assert openings({}) >= 4


@pytest.mark.parametrize("minute_of_quarter", [0, 7, 13, 14])
def test_an_episode_expects_what_its_minutes_expected_wherever_in_a_quarter_it_is_detected(
    learned: Life, minute_of_quarter: int
) -> None:
    life = deepcopy(learned)
    life.observe((minute_of_quarter - life.minute) % 15 + 15)
    assert life.minute % 15 == minute_of_quarter
    changes = life.observe(20, lambda place: 8.0)
    began = next(change.episode for change in changes if change.kind == "began")
    # A rise to eight times what is expected; chance moves it by less than half.
    assert 4 < began.ratio < 16
    assert life.observe(60)[-1].kind == "ended"
