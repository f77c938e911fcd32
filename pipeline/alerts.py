"""Alerts: what becomes of an episode, as CloudEvents on the topic `alerts`.

At least once: the identity of an alert is fixed by series, onset and what happened, so a repeated one is known.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.publisher import Message
from streams.episodes import Change, Episode, episode_id
from streams.series import Series

TYPES = {
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


def alert(log: str, change: Change) -> Message:
    """The record of a change: the episode's id as its key, so that all about one stays in order."""
    episode = change.episode
    identity = episode_id(log, episode.series, episode.since)
    event = {
        "specversion": "1.0",
        "id": f"{identity}-{change.kind}",
        "source": f"/sichtflug/{log}",
        "type": TYPES[change.kind],
        "time": _instant(episode.until if change.kind == "ended" and episode.until else episode.detected + 1),
        "subject": _name(episode.series),
        "datacontenttype": "application/json",
        "data": {
            "episode_id": identity,
            **episode.series._asdict(),
            "severity": episode.severity,
            "since": _instant(episode.since),
            "detected_at": _instant(episode.detected + 1),
            "until": None if episode.until is None else _instant(episode.until),
            "observed_count": episode.observed,
            "expected_count": round(episode.expected, 3),
            "ratio": round(episode.ratio, 3),
            "contributors": [_contributor(one) for one in episode.contributors],
            "summary": summary(episode),
        },
    }
    return identity.encode(), msgspec.json.encode(event), ()


def summary(episode: Episode) -> str:
    """One line for a human."""
    series = episode.series
    share = f"{episode.observed} {WHAT[series.measure]} where {episode.expected:.1f} were expected"
    return f"{_name(series)}: {share} since {_instant(episode.since)}"


def _name(series: Series) -> str:
    place = ", ".join(
        f"{name} {value}"
        for name, value in (("tenant", series.tenant), ("queue", series.queue), ("channel", series.channel))
        if value
    )
    return f"{series.measure} ({place})" if place else series.measure


def _contributor(one: Any) -> dict[str, Any]:
    return {
        "queue": one.queue,
        "channel": one.channel,
        "observed_count": one.observed,
        "expected_count": round(one.expected, 3),
    }


def _instant(minute: int) -> str:
    """The start of a minute."""
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
