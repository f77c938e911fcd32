"""The watch over many series: one burst is one episode, nights are no silence, a restart repeats nothing."""

from collections.abc import Callable
from copy import deepcopy
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spikes.series import DAY_MINUTES, draw, season
from streams.spikes.detector import Run
from streams.spikes.episodes import Change, Episode, Lasting, SeriesRun, episode_id
from streams.spikes.series import Counts, Place, Series, series_of
from streams.spikes.tracks import shares
from streams.spikes.watch import Watch

WEEK = 7 * DAY_MINUTES
CHAT, PHONE = Place("t", "sales", "chat"), Place("t", "sales", "phone")
OTHER_CHAT, OTHER_PHONE = Place("t", "help", "chat"), Place("t", "help", "phone")
MEANS = {CHAT: 2.0, PHONE: 2.0, OTHER_CHAT: 1.0, OTHER_PHONE: 3.0}

Factor = Callable[[Place], float]


def usual(place: Place) -> float:
    return 1.0


def traffic(chance: Random, minute: int, factor: Factor = usual) -> dict[Place, Counts]:
    counts = {}
    for place, mean in MEANS.items():
        now = mean * factor(place)
        arrived_count = draw(chance, now, 1.5) if now else 0
        if arrived_count:
            counts[place] = Counts(arrived_count=arrived_count)
    return counts


class Life:
    """A watch that lives through minutes, and the changes it has reported."""

    def __init__(self, watch: Watch, seed: int = 1, minute: int = 0) -> None:
        self.watch, self.minute, self.chance = watch, minute, Random(seed)

    def learn(self, minutes: int, factor: Factor = usual) -> None:
        for _ in range(minutes):
            self.watch.learn(self.minute, traffic(self.chance, self.minute, factor))
            self.minute += 1

    def observe(self, minutes: int, factor: Factor = usual) -> list[Change]:
        changes = []
        for _ in range(minutes):
            changes += self.watch.observe(self.minute, traffic(self.chance, self.minute, factor))
            self.minute += 1
        return changes


@pytest.fixture(scope="module")
def learned() -> Life:
    """Eight days; each test copies it."""
    life = Life(Watch(1.0))
    life.learn(WEEK + DAY_MINUTES)
    return life


def kinds(changes: list[Change]) -> list[str]:
    return [change.kind for change in changes]


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


def test_what_rises_everywhere_is_one_episode_of_the_total(learned: Life) -> None:
    life = deepcopy(learned)
    changes = life.observe(20, lambda place: 4.0)
    assert [change.episode.series for change in changes if change.kind == "began"] == [Series("inflow", "all", "t")]
    assert len(changes[0].episode.contributors) >= 2


def test_two_bursts_that_have_nothing_in_common_are_two_episodes(learned: Life) -> None:
    life = deepcopy(learned)
    first = life.observe(30, lambda place: 6.0 if place == CHAT else 1.0)
    second = life.observe(30, lambda place: {CHAT: 6.0, OTHER_PHONE: 12.0}.get(place, 1.0))
    assert [c.episode.series.scope for c in first if c.kind == "began"] == ["cell"]
    assert [c.episode.series[3:] for c in second if c.kind == "began"] == [("help", "phone")]
    assert len(life.watch.open_episodes) == 2


def test_a_channel_that_falls_silent_is_noticed_and_heard_again(learned: Life) -> None:
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


def test_nights_weekends_and_openings_at_eight_sharp_are_neither_silence_nor_spikes() -> None:
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


def test_an_episode_goes_on_after_a_restart_and_is_not_reported_again(learned: Life) -> None:
    def burst(place: Place) -> float:
        return 6.0 if place == CHAT else 1.0

    life = deepcopy(learned)
    (episode,) = [change.episode for change in life.observe(15, burst) if change.kind == "began"]
    stopped_at = life.minute

    again = Life(Watch(1.0), seed=1)
    stored = Episode(
        episode.series, episode.since, episode.detected, episode.observed, episode.expected, episode.severity
    )
    again.watch.resume([Lasting(stored)])
    again.learn(WEEK + DAY_MINUTES)
    again.learn(15, burst)
    assert again.minute == stopped_at
    assert again.watch.open_episodes == [stored]
    assert [change.kind for change in again.observe(15, burst) if change.kind != "worsened"] == []
    (ended,) = again.observe(60)
    assert (ended.kind, ended.episode.series, ended.episode.since) == ("ended", episode.series, episode.since)
    assert again.observe(120) == []


@pytest.mark.parametrize("lived_minutes", [4, 12, 20, 22, 24, 25, 26])
def test_an_episode_ends_after_a_restart_when_it_would_have_ended_without(learned: Life, lived_minutes: int) -> None:
    """Several series are in it, and from minute 20 on much speaks for its end already."""

    def burst(place: Place) -> float:
        return {"chat": 4.0, "phone": 2.0}[place.channel]

    burst_minutes, quiet_minutes = min(lived_minutes, 20), max(0, lived_minutes - 20)

    def the_end(life: Life) -> Episode:
        changes = life.observe(20 - burst_minutes, burst) + life.observe(60 - quiet_minutes)
        (ended,) = [change.episode for change in changes if change.kind == "ended"]
        return ended

    calm, again = deepcopy(learned), Life(Watch(1.0))
    calm.observe(burst_minutes, burst)
    calm.observe(quiet_minutes)
    (lasting,) = deepcopy(calm.watch.lasting)
    assert len(lasting.runs) > 1
    again.watch.resume([lasting])
    again.learn(WEEK + DAY_MINUTES)
    again.learn(burst_minutes, burst)
    again.learn(quiet_minutes)
    found, wanted = the_end(again), the_end(calm)
    assert (found.series, found.since, found.until) == (wanted.series, wanted.since, wanted.until)
    assert found.observed == wanted.observed


def test_two_episodes_in_which_the_same_series_is_both_end_after_a_restart() -> None:
    """A series is in one run at a time; what is stored with the two are copies of it."""
    cell, channel = Series("inflow", "cell", "t", *CHAT[1:]), Series("inflow", "channel", "t", channel="chat")
    begin = WEEK + DAY_MINUTES
    of_cell, of_channel = Run(begin - 20, begin - 18, 200, 40.0), Run(begin - 15, begin - 10, 200, 45.0)
    life = Life(Watch(1.0))
    life.watch.resume(
        [
            Lasting(Episode(one, run.since, run.detected, run.observed, run.expected, "page"), runs)
            for one, run, runs in (
                (cell, of_cell, [SeriesRun(cell, of_cell)]),
                (channel, of_channel, [SeriesRun(channel, of_channel), SeriesRun(cell, deepcopy(of_cell))]),
            )
        ]
    )
    life.learn(begin)
    ended = [change.episode.series for change in life.observe(60) if change.kind == "ended"]
    assert sorted(ended) == [cell, channel]


def chat_rises_slowly(place: Place) -> float:
    return 1.8 if place == CHAT else 1.0


def chat_is_silent(place: Place) -> float:
    return 0.0 if place.channel == "chat" else 1.0


@pytest.mark.parametrize("factor", [chat_rises_slowly, chat_is_silent])
def test_a_restart_before_anything_is_noticed_changes_nothing(learned: Life, factor: Factor) -> None:
    def told(changes: list[Change]) -> list[tuple[str, Series, int, int]]:
        return [(one.kind, one.episode.series, one.episode.since, one.episode.detected) for one in changes]

    calm = deepcopy(learned)
    begin = calm.minute
    wanted = told(calm.observe(60, factor))
    assert wanted
    detected = wanted[0][3]
    assert detected >= begin + 2
    for stopped_at in (begin + 1, (begin + detected) // 2, detected):
        again = Life(Watch(1.0))
        again.watch.resume([])
        again.learn(begin)
        again.learn(stopped_at - begin, factor)
        assert told(again.observe(begin + 60 - stopped_at, factor)) == wanted, stopped_at - begin


def test_a_burst_before_judging_began_is_no_episode(learned: Life) -> None:
    """As in a ledger that has a history when stage 2 first runs: nobody told of it, and it is over."""
    life = deepcopy(learned)
    life.learn(60, lambda place: 8.0 if place == CHAT else 1.0)
    life.learn(30)
    assert life.observe(120) == []


def test_what_is_learned_keeps_clear_of_known_episodes() -> None:
    def expected(watch: Watch, minute: int) -> float:
        (track,) = (
            one for series, one in watch._tracks.by_series.items() if series == Series("inflow", "cell", "t", *CHAT[1:])
        )
        return track.spikes.expectation.expected(minute)

    # The epoch was a Thursday: the burst is on Friday at noon, and noon on Monday leans on Thursday and Friday.
    burst = DAY_MINUTES + 720
    found = []
    for known in (
        [],
        [Lasting(Episode(Series("inflow", "cell", "t", *CHAT[1:]), burst, burst, 0, 1.0, "page", (), burst + 60))],
    ):
        life = Life(Watch(1.0))
        life.watch.resume(known)
        life.learn(burst)
        life.learn(60, lambda place: 8.0 if place == CHAT else 1.0)
        life.learn(3 * DAY_MINUTES - 20)
        found.append(expected(life.watch, life.minute))
    poisoned, clear = found
    assert poisoned > 3
    assert 1.4 < clear < 2.6


def test_an_episode_of_a_series_that_is_gone_ends_after_a_week() -> None:
    gone = Series("inflow", "cell", "t", "closed", "fax")
    life = Life(Watch(1.0))
    life.watch.resume([Lasting(Episode(gone, DAY_MINUTES, DAY_MINUTES + 2, 90, 10.0, "page"))])
    life.learn(DAY_MINUTES + 60)
    changes = life.observe(WEEK)
    (ended,) = [change.episode for change in changes if change.episode.series == gone]
    assert ended.until == DAY_MINUTES + WEEK


def test_minutes_that_were_left_out_are_unknown_and_no_silence(learned: Life) -> None:
    life = deepcopy(learned)
    life.observe(10)
    life.minute += 3 * DAY_MINUTES
    assert life.observe(120) == []


def test_a_series_that_is_new_or_rare_is_seen_in_wider_ones_only(learned: Life) -> None:
    life = deepcopy(learned)
    life.observe(1)
    rare = Place("t", "rare", "chat")
    for number in range(40):
        counts = traffic(life.chance, life.minute)
        counts[rare] = Counts(arrived_count=3)
        life.watch.observe(life.minute, counts)
        life.minute += 1
        assert all(one.queue != "rare" for one in life.watch.watched), number


def test_the_order_of_calls_is_kept(learned: Life) -> None:
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


def test_the_budget_is_used_up_and_equal_for_each_scope() -> None:
    place = Place("t", "sales", "chat")
    series = [*series_of("inflow", place), *series_of("inflow", Place("t", "help", "chat"))]
    found = shares(set(series), 1.0)
    # One total, one channel, two queues, two cells: a quarter each, halves of it where there are two.
    assert sorted(found.values()) == [1 / 8, 1 / 8, 1 / 8, 1 / 8, 1 / 4, 1 / 4]
    assert shares([], 1.0) == {}


def test_unknown_dimensions_make_no_series() -> None:
    assert [one.scope for one in series_of("shares", Place("t", "", ""))] == ["all"]
    assert [one.scope for one in series_of("shares", Place("t", "", "x"))] == ["all", "channel"]
    assert [one.scope for one in series_of("shares", Place("t", "q", "x"))] == ["all", "channel", "queue", "cell"]


def test_which_series_contain_and_overlap() -> None:
    everything, channel, queue, cell = series_of("inflow", CHAT)
    assert all(everything.contains(one) for one in (everything, channel, queue, cell))
    assert channel.contains(cell)
    assert not cell.contains(channel)
    assert not channel.contains(queue)
    assert channel.overlaps(queue)
    assert not channel.overlaps(Series("inflow", "channel", "t", channel="phone"))
    assert not queue.overlaps(Series("inflow", "cell", "t", "help", "chat"))
    assert not queue.overlaps(queue._replace(measure="shares"))
    assert Series("silence", "channel", "t", channel="chat").contains(cell)
    assert [one.holds(PHONE) for one in (everything, channel, queue, cell)] == [True, False, True, False]


PLACES = [Place(tenant, queue, channel) for tenant in "st" for queue in "abc" for channel in "abc"]
ANY_SERIES = st.builds(
    lambda place, index: list(series_of("inflow", place))[index], st.sampled_from(PLACES), st.integers(0, 3)
)


@given(ANY_SERIES, ANY_SERIES)
def test_containing_and_overlapping_are_what_the_places_say(one: Series, other: Series) -> None:
    held, others = ({place for place in PLACES if series.holds(place)} for series in (one, other))
    assert one.contains(other) == (held >= others)
    assert one.overlaps(other) == bool(held & others)


def test_a_rise_at_one_tenant_is_not_joined_by_another() -> None:
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
    assert sorted(one.tenant for one in began) == ["s", "t"]


def test_escalations_and_inflow_are_measures_of_their_own(learned: Life) -> None:
    life = deepcopy(learned)
    for _ in range(2 * DAY_MINUTES):
        counts = {place: one._replace(escalated_count=1) for place, one in traffic(life.chance, life.minute).items()}
        life.watch.learn(life.minute, counts)
        life.minute += 1
    began = []
    for _ in range(10):
        counts = {place: one._replace(escalated_count=9) for place, one in traffic(life.chance, life.minute).items()}
        began += [one.episode.series for one in life.watch.observe(life.minute, counts) if one.kind == "began"]
        life.minute += 1
    assert began == [Series("escalations", "all", "t")]


def test_an_identity_is_fixed_by_log_series_and_onset() -> None:
    series = Series("inflow", "channel", "t", channel="chat")
    found = {
        episode_id("interactions", series, 5),
        episode_id("interactions", series, 6),
        episode_id("other", series, 5),
        episode_id("interactions", series._replace(measure="silence"), 5),
        episode_id("interactions", Series("inflow", "channel", "t", "chat"), 5),
    }
    assert len(found) == 5
    assert all(len(one) == 32 for one in found)
