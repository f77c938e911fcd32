"""Episodes: what people are told. One of them may be seen in several series at once."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

import msgspec

from streams.spikes.detector import Run
from streams.spikes.series import Series

Severity = Literal["page", "ticket"]
#: A spike this many times as high as expected is worth a page, and so is every silence.
PAGE_RATIO = 3.0


class Contributor(msgspec.Struct, frozen=True):
    """A cell with what came there since the onset and what had been expected."""

    queue: str
    channel: str
    observed: int
    expected: float


class Episode(msgspec.Struct):
    """A series that is not credible from minute `since` on, noticed at `detected`, until before `until`.

    Minutes since the epoch, UTC; `until` is None while it lasts. Observed and expected are sums over these minutes, as
    far as they are known not to be the return to normal. The contributors are those at the time of the detection: the
    cells with the largest excess, or with the largest lack when it is a silence.
    """

    series: Series
    since: int
    detected: int
    observed: int
    expected: float
    severity: Severity
    contributors: tuple[Contributor, ...] = ()
    until: int | None = None

    @property
    def ratio(self) -> float:
        """How many times as many as expected."""
        return self.observed / max(self.expected, 1e-9)


class SeriesRun(NamedTuple):
    """A series and its run: what joined an episode."""

    series: Series
    run: Run


class OngoingEpisode(NamedTuple):
    """All there is to know of an episode to go on with it: how it is, and the runs of all series that joined it.

    The end depends on them. Of one that is over, or of which nobody knows, there are none.
    """

    episode: Episode
    runs: Sequence[SeriesRun] = ()


class Change(msgspec.Struct, frozen=True):
    """An episode that began, became more severe or ended with this minute, as it is now."""

    kind: Literal["began", "worsened", "ended"]
    episode: Episode


def severity_of(series: Series, ratio: float) -> Severity:
    """What a human does about it."""
    return "page" if series.measure == "silence" or ratio >= PAGE_RATIO else "ticket"


def episode_id(log: str, series: Series, since: int) -> str:
    """Identity of an episode: the same for the same log (the topic folded), series and onset. 32 hexadecimal digits."""
    digest = blake2b(msgspec.json.encode((log, series, since)), digest_size=16, person=b"episode")
    return digest.hexdigest()
