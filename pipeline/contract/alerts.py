"""Alerts: what becomes of an episode, as CloudEvents on the topic `alerts`.

At least once: the identity of an alert is fixed by log, series, onset and what happened, so a repeated one is known.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from pipeline.contract.records import Message
from streams.spikes.episodes import Change, Contributor, Episode, Severity, episode_id
from streams.spikes.series import Measure, Scope, Series

AlertType = Literal["sichtflug.spike.began", "sichtflug.spike.worsened", "sichtflug.spike.ended"]
TYPES: dict[str, AlertType] = {
    "began": "sichtflug.spike.began",
    "worsened": "sichtflug.spike.worsened",
    "ended": "sichtflug.spike.ended",
}
WHAT = {
    "escalations": "escalations",
    "inflow": "conversations opened or reopened",
    "shares": "public shares",
    "silence": "conversations opened or reopened",
}


class Cell(msgspec.Struct, frozen=True):
    """A cell that contributed: what came there since the onset, and what would have been normal."""

    queue: str
    channel: str
    observed_count: int
    expected_count: float


class AlertData(msgspec.Struct, frozen=True, kw_only=True):
    """The episode as it was then. Dimensions outside the scope are empty; `until` is null while it lasts."""

    episode_id: str
    measure: Measure
    scope: Scope
    tenant: str
    queue: str
    channel: str
    severity: Severity
    since: datetime
    detected_at: datetime
    until: datetime | None
    observed_count: int
    expected_count: float
    ratio: float
    contributors: list[Cell]
    summary: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent. `time` is event time: when the change was to be seen, or until when the episode lasted."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: AlertType
    time: datetime
    subject: str
    datacontenttype: Literal["application/json"] = "application/json"
    data: AlertData


def alert(log: str, change: Change) -> Message:
    """The record of a change: the episode's id as its key, so that all about one stays in order."""
    episode = change.episode
    identity = episode_id(log, episode.series, episode.since)
    until = None if episode.until is None else _instant(episode.until)
    detected_at = _instant(episode.detected + 1)
    event = Alert(
        id=f"{identity}-{change.kind}",
        source=f"/sichtflug/{log}",
        type=TYPES[change.kind],
        time=until if change.kind == "ended" and until else detected_at,
        subject=_name(episode.series),
        data=AlertData(
            episode_id=identity,
            **episode.series._asdict(),
            severity=episode.severity,
            since=_instant(episode.since),
            detected_at=detected_at,
            until=until,
            observed_count=episode.observed,
            expected_count=round(episode.expected, 3),
            ratio=round(episode.ratio, 3),
            contributors=[_cell(one) for one in episode.contributors],
            summary=summary(episode),
        ),
    )
    return identity.encode(), msgspec.json.encode(event), ()


def summary(episode: Episode) -> str:
    """One line for a human."""
    series = episode.series
    what = f"{episode.observed} {WHAT[series.measure]} where {episode.expected:.1f} were expected"
    return f"{_name(series)}: {what} since {_instant(episode.since):%Y-%m-%d %H:%M} UTC"


def _name(series: Series) -> str:
    named = (("tenant", series.tenant), ("queue", series.queue), ("channel", series.channel))
    place = ", ".join(f"{name} {value}" for name, value in named if value)
    return f"{series.measure} ({place})" if place else series.measure


def _cell(one: Contributor) -> Cell:
    return Cell(one.queue, one.channel, one.observed, round(one.expected, 3))


def _instant(minute: int) -> datetime:
    """The start of a minute."""
    return datetime.fromtimestamp(minute * 60, UTC)
