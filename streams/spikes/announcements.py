"""Which changes of episodes people are told: nothing that is long past, and one incident once."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from streams.spikes.episodes import Change, Episode, EpisodeKey, Severity

#: What is noticed later than this after its minute is recorded, and announced only if it still lasts by then.
LATE_MINUTES = 60


class NoticedChange(NamedTuple):
    """A change, and the minute it happened in."""

    minute: int
    change: Change


class Announcements:
    """The announced episodes of a log: when people were told of each, in minutes since the epoch.

    The begin of an episode is announced if it is noticed within `LATE_MINUTES`, or if the episode still lasts when the
    evaluation has caught up. Of an incident, one episode is announced, and another one only if it is the first worth a
    page. Whatever happens to an announced episode is announced, too.
    """

    def __init__(self, told: Mapping[EpisodeKey, int], episodes: Iterable[Episode]) -> None:
        """Continue after a restart: `episodes` are the stored ones, those that are over among them."""
        self._told = dict(told)
        #: The severities announced of each incident with an open episode.
        self._severities: dict[EpisodeKey, set[Severity]] = {}
        for episode in episodes:
            if episode.key in self._told:
                self._severities.setdefault(episode.incident_key, set()).add(episode.severity)

    def told(self, key: EpisodeKey) -> int | None:
        """Return the minute in which people were told of an episode; None if they were not."""
        return self._told.get(key)

    def announce(
        self, noticed: Iterable[NoticedChange], lasting: Collection[Episode], last_minute: int, now_minute: int
    ) -> Iterator[Change]:
        """Yield what to announce of the changes up to `last_minute`, after which the episodes `lasting` are open."""
        for minute, change in noticed:
            key = change.episode.key
            if key in self._told:
                if change.kind == "worsened":
                    self._severities.setdefault(change.episode.incident_key, set()).add(change.episode.severity)
                yield change
            elif change.kind != "ended" and now_minute - minute <= LATE_MINUTES:
                yield from self._begin(change.episode, minute)
        if now_minute - last_minute <= LATE_MINUTES:
            for episode in lasting:
                if episode.key not in self._told:
                    yield from self._begin(episode, last_minute)

    def forget_all_but(self, lasting: Iterable[Episode]) -> None:
        """Forget episodes that are over."""
        keys = {episode.key for episode in lasting}
        incidents = {episode.incident_key for episode in lasting}
        self._told = {key: minute for key, minute in self._told.items() if key in keys}
        self._severities = {key: value for key, value in self._severities.items() if key in incidents}

    def _begin(self, episode: Episode, minute: int) -> Iterator[Change]:
        severities = self._severities.setdefault(episode.incident_key, set())
        if "page" in severities or episode.severity in severities:
            return
        severities.add(episode.severity)
        self._told[episode.key] = minute
        yield Change("began", episode)
