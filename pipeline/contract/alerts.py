"""Alerts: the changes of an episode, as CloudEvents on the topic `alerts`.

Published at least once. The id of an alert is determined by log, series, onset and kind of change, so consumers can
recognise repeated ones.
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
    """A cell that contributed: its observed and expected counts since the onset."""

    queue: str
    channel: str
    observed_count: int
    expected_count: float


class AlertData(msgspec.Struct, frozen=True, kw_only=True):
    """The episode at the time of the alert. Dimensions outside the scope are empty; `until` is null while it lasts.

    `incident_id` is the `episode_id` of the first episode of its incident, possibly its own.
    """

    episode_id: str
    incident_id: str
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
    """A CloudEvent. `time` is event time: when the change became detectable, or when the episode ended."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: AlertType
    time: datetime
    subject: str
    datacontenttype: Literal["application/json"] = "application/json"
    data: AlertData


def alert(log: str, change: Change) -> Message:
    """Return the record of a change. Its key is the episode's id, so that alerts of one episode stay in order."""
    episode = change.episode
    identity = episode_id(log, episode.key)
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
            incident_id=episode_id(log, episode.incident_key),
            **episode.series._asdict(),
            severity=episode.severity,
            since=_instant(episode.since),
            detected_at=detected_at,
            until=until,
            observed_count=episode.observed,
            expected_count=round(episode.expected, 3),
            ratio=round(episode.ratio, 3),
            contributors=[_cell(contributor) for contributor in episode.contributors],
            summary=summary(episode),
        ),
    )
    return identity.encode(), msgspec.json.encode(event), ()


def summary(episode: Episode) -> str:
    """Return a one-line description."""
    series = episode.series
    what = f"{episode.observed} {WHAT[series.measure]} where {episode.expected:.1f} were expected"
    return f"{_name(series)}: {what} since {_instant(episode.since):%Y-%m-%d %H:%M} UTC"


def _name(series: Series) -> str:
    named = (("tenant", series.tenant), ("queue", series.queue), ("channel", series.channel))
    place = ", ".join(f"{name} {value}" for name, value in named if value)
    return f"{series.measure} ({place})" if place else series.measure


def _cell(contributor: Contributor) -> Cell:
    return Cell(contributor.queue, contributor.channel, contributor.observed, round(contributor.expected, 3))


def _instant(minute: int) -> datetime:
    """Return the start of a minute, which is numbered since the epoch."""
    return datetime.fromtimestamp(minute * 60, UTC)
