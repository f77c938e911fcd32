"""A restarted watch continues where it was and repeats nothing."""

from copy import deepcopy

import pytest

from benchmarks.spikes.series import DAY_MINUTES
from streams.spikes.episodes import Change, Episode, OngoingEpisode, SeriesRun
from streams.spikes.runs import Run
from streams.spikes.series import Place, Series
from streams.spikes.watch import Watch
from tests.support.streams.watches import CHAT, WEEK, Factor, Life


def test_an_episode_continues_after_a_restart_and_is_not_reported_again(learned: Life) -> None:
    def burst(place: Place) -> float:
        return 6.0 if place == CHAT else 1.0

    life = deepcopy(learned)
    (episode,) = [change.episode for change in life.observe(15, burst) if change.kind == "began"]
    stopped_at = life.minute

    again = Life(Watch(1.0), seed=1)
    stored = Episode(
        episode.series, episode.since, episode.detected, episode.observed, episode.expected, episode.severity
    )
    again.watch.resume([OngoingEpisode(stored)])
    again.learn(WEEK + DAY_MINUTES)
    again.learn(15, burst)
    assert again.minute == stopped_at
    assert again.watch.open_episodes == [stored]
    assert [change.kind for change in again.observe(15, burst) if change.kind != "worsened"] == []
    (ended,) = again.observe(60)
    assert (ended.kind, ended.episode.series, ended.episode.since) == ("ended", episode.series, episode.since)
    assert again.observe(120) == []


@pytest.mark.parametrize("lived_minutes", [6, 12, 20, 22, 24])
def test_an_episode_ends_after_a_restart_as_it_would_have_without(learned: Life, lived_minutes: int) -> None:
    """It has several series, and from minute 20 on much evidence for its end has accumulated."""

    def burst(place: Place) -> float:
        return {"chat": 4.0, "phone": 2.0}[place.channel]

    burst_minutes, quiet_minutes = min(lived_minutes, 20), max(0, lived_minutes - 20)

    def ended_episode(life: Life) -> Episode:
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
    found, wanted = ended_episode(again), ended_episode(calm)
    assert (found.series, found.since, found.until) == (wanted.series, wanted.since, wanted.until)
    assert found.observed == wanted.observed


def test_two_episodes_that_share_a_series_both_end_after_a_restart() -> None:
    """A series is in one run at a time; the two episodes store copies of it."""
    cell, channel = Series("inflow", "cell", "t", *CHAT[1:]), Series("inflow", "channel", "t", channel="chat")
    begin = WEEK + DAY_MINUTES
    of_cell, of_channel = Run(begin - 20, begin - 18, 200, 40.0), Run(begin - 15, begin - 10, 200, 45.0)
    life = Life(Watch(1.0))
    life.watch.resume(
        [
            OngoingEpisode(Episode(series, run.since, run.detected, run.observed, run.expected, "page"), runs)
            for series, run, runs in (
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
def test_a_restart_before_any_alarm_changes_nothing(learned: Life, factor: Factor) -> None:
    def reported(changes: list[Change]) -> list[tuple[str, Series, int, int]]:
        return [
            (change.kind, change.episode.series, change.episode.since, change.episode.detected) for change in changes
        ]

    calm = deepcopy(learned)
    begin = calm.minute
    wanted = reported(calm.observe(60, factor))
    assert wanted
    detected = wanted[0][3]
    assert detected >= begin + 2
    for stopped_at in (begin + 1, (begin + detected) // 2, detected):
        again = Life(Watch(1.0))
        again.watch.resume([])
        again.learn(begin)
        again.learn(stopped_at - begin, factor)
        assert reported(again.observe(begin + 60 - stopped_at, factor)) == wanted, stopped_at - begin
