"""People are told what is recent, once of each incident, and then how it goes on."""

from collections.abc import Sequence

from msgspec.structs import replace

from streams.spikes.announcements import LATE_MINUTES, Announcements, NoticedChange
from streams.spikes.episodes import Change, Episode, EpisodeKey, Severity
from streams.spikes.series import Measure, Series


def episode(
    since: int = 100,
    measure: Measure = "escalations",
    severity: Severity = "page",
    incident: EpisodeKey | None = None,
) -> Episode:
    series = Series(measure, "queue", "t", "billing")
    return Episode(series, since, since + 2, 30, 5.0, severity, incident=incident)


def began(minute: int, one: Episode) -> NoticedChange:
    return NoticedChange(minute, Change("began", one))


def ended(minute: int, one: Episode) -> NoticedChange:
    return NoticedChange(minute, Change("ended", replace(one, until=minute)))


def worsened(minute: int, one: Episode) -> NoticedChange:
    return NoticedChange(minute, Change("worsened", replace(one, severity="page")))


def kinds(
    announcements: Announcements, noticed: Sequence[NoticedChange], lasting: Sequence[Episode], last: int, now: int
) -> list[tuple[str, Measure]]:
    return [
        (change.kind, change.episode.series.measure) for change in announcements.announce(noticed, lasting, last, now)
    ]


def test_what_is_noticed_within_an_hour_is_announced_and_so_is_its_end() -> None:
    announcements, spike = Announcements({}, ()), episode()
    assert kinds(announcements, [began(102, spike)], [spike], 110, 102 + LATE_MINUTES) == [("began", "escalations")]
    assert announcements.told(spike.key) == 102
    # However late the end is noticed: people wait for it.
    assert kinds(announcements, [ended(120, spike)], [], 130, 9_999) == [("ended", "escalations")]


def test_what_began_and_ended_long_ago_is_announced_to_nobody() -> None:
    announcements, spike = Announcements({}, ()), episode()
    assert kinds(announcements, [began(102, spike)], [spike], 110, 111 + LATE_MINUTES) == []
    assert kinds(announcements, [worsened(115, spike)], [spike], 118, 119 + LATE_MINUTES) == []
    assert kinds(announcements, [ended(120, spike)], [], 170, 180) == []
    assert announcements.told(spike.key) is None


def test_what_still_lasts_when_the_evaluation_has_caught_up_is_announced_then() -> None:
    announcements, spike = Announcements({}, ()), episode()
    assert kinds(announcements, [began(102, spike)], [spike], 340, 500) == []
    assert kinds(announcements, [], [spike], 499, 500) == [("began", "escalations")]
    assert announcements.told(spike.key) == 499
    assert kinds(announcements, [], [spike], 500, 501) == []


def test_an_incident_is_announced_once_and_again_if_another_part_of_it_is_worth_a_page() -> None:
    announcements, first = Announcements({}, ()), episode(measure="inflow", severity="ticket")
    second = episode(105, severity="page", incident=first.key)
    third = episode(106, measure="shares", severity="page", incident=first.key)
    assert kinds(announcements, [began(102, first)], [first], 102, 103) == [("began", "inflow")]
    later = [began(107, second), began(108, third)]
    assert kinds(announcements, later, [first, second, third], 108, 109) == [("began", "escalations")]
    assert announcements.told(third.key) is None
    ends = [ended(120, third), ended(121, second), ended(122, first)]
    assert kinds(announcements, ends, [], 122, 123) == [("ended", "escalations"), ("ended", "inflow")]


def test_a_part_of_an_incident_that_worsens_to_a_page_is_announced() -> None:
    announcements, first = Announcements({}, ()), episode(measure="inflow", severity="ticket")
    second = episode(105, severity="ticket", incident=first.key)
    assert kinds(announcements, [began(102, first), began(107, second)], [first, second], 108, 109) == [
        ("began", "inflow")
    ]
    assert kinds(announcements, [worsened(110, second)], [first, second], 110, 111) == [("began", "escalations")]


def test_after_a_restart_nothing_that_was_announced_is_announced_again() -> None:
    first = episode(measure="inflow")
    second = episode(105, incident=first.key)
    announcements = Announcements({first.key: 102}, [first, second])
    assert kinds(announcements, [], [first, second], 110, 111) == []
    announcements.forget_all_but([second])
    # The incident goes on, with the part that nobody was told of.
    assert announcements.told(first.key) is None
    assert kinds(announcements, [], [second], 130, 131) == []


def test_an_incident_whose_announced_episode_is_over_is_not_announced_again_after_a_restart() -> None:
    first = episode(measure="escalations")
    second = episode(105, measure="inflow", severity="ticket", incident=first.key)
    announcements = Announcements({first.key: 102}, [replace(first, until=110), second])
    announcements.forget_all_but([second])
    assert kinds(announcements, [], [second], 111, 112) == []
