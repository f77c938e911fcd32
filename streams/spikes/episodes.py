"""Episodes, of which people are notified. One episode may show in several series at once."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

import msgspec

from streams.spikes.runs import Run
from streams.spikes.series import Series

Severity = Literal["page", "ticket"]
#: A spike of at least this ratio is worth a page, and so is every silence.
PAGE_RATIO = 3.0


class Contributor(msgspec.Struct, frozen=True):
    """A cell with its observed and expected counts since the onset."""

    queue: str
    channel: str
    observed: int
    expected: float


class EpisodeKey(NamedTuple):
    """What tells an episode from others of its log: its series and its onset."""

    series: Series
    since: int


class Episode(msgspec.Struct):
    """A stretch in which a series is statistically unlikely: from minute `since` on, until before `until`.

    Minutes since the epoch, UTC; it was noticed at `detected`, and `until` is None while it lasts. Observed and
    expected counts are sums over these minutes, without those that may be the return to normal. The contributors are
    those at the detection: the cells with the largest excess, or the largest lack for a silence. `incident` is the
    first episode of the incident that it belongs to, None if that is itself.
    """

    series: Series
    since: int
    detected: int
    observed: int
    expected: float
    severity: Severity
    contributors: tuple[Contributor, ...] = ()
    until: int | None = None
    incident: EpisodeKey | None = None

    @property
    def key(self) -> EpisodeKey:
        """What tells it from other episodes."""
        return EpisodeKey(self.series, self.since)

    @property
    def incident_key(self) -> EpisodeKey:
        """The first episode of its incident, possibly itself."""
        return self.incident or self.key

    @property
    def ratio(self) -> float:
        """The observed count as a multiple of the expected one."""
        return self.observed / max(self.expected, 1e-9)


class SeriesRun(NamedTuple):
    """A series that joined an episode, and its run."""

    series: Series
    run: Run


class OngoingEpisode(NamedTuple):
    """Everything needed to continue an episode: its current state, and the runs of all series that joined it.

    Its end depends on the runs. There are none if it is over, or if they are unknown.
    """

    episode: Episode
    runs: Sequence[SeriesRun] = ()


class Change(msgspec.Struct, frozen=True):
    """An episode that began, worsened or ended with this minute, in its current state."""

    kind: Literal["began", "worsened", "ended"]
    episode: Episode


def severity_of(series: Series, ratio: float) -> Severity:
    """Return `page` for silences and for ratios of at least PAGE_RATIO, otherwise `ticket`."""
    return "page" if series.measure == "silence" or ratio >= PAGE_RATIO else "ticket"


def episode_id(log: str, key: EpisodeKey) -> str:
    """Return an episode's identity, 32 hexadecimal digits fixed by log (the topic folded), series and onset."""
    digest = blake2b(msgspec.json.encode((log, *key)), digest_size=16, person=b"episode")
    return digest.hexdigest()
