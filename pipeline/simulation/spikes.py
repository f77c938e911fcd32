"""Placed escalation spikes: spans in which escalations of one channel or queue are several times as frequent."""

from collections.abc import Iterable
from random import Random
from typing import NamedTuple

_CHANNELS = ("phone", "email", "web_chat", "messaging", "social_public")


class Spike(NamedTuple):
    """Escalations in `[since_ms, until_ms)` are `factor` times as frequent; channel or queue '' means any."""

    since_ms: int
    until_ms: int
    channel: str
    queue: str
    factor: float

    def holds(self, at_ms: int, channel: str, queue: str) -> bool:
        return self.since_ms <= at_ms < self.until_ms and self.channel in ("", channel) and self.queue in ("", queue)


class SpikePlan:
    """The given spikes, or an endless series: ten minutes each, factor five, at random gaps.

    The plan has its own random source and grows on demand, so that it depends only on the seed and not on the order of
    calls. `mean_gap_seconds` 0 places none.
    """

    def __init__(self, seed: int, start_ms: int, mean_gap_seconds: float, given: Iterable[Spike] | None) -> None:
        self.placed: list[Spike] = sorted(given) if given is not None else []
        self._mean_gap_ms = 0.0 if given is not None else mean_gap_seconds * 1000
        self._random = Random(f"spikes of {seed}")
        self._planned_until_ms = start_ms

    def holding(self, at_ms: int, channel: str, queue: str) -> Spike | None:
        """Return the spike at this instant and place, the last placed if there are several; None if there is none."""
        while self._mean_gap_ms and self._planned_until_ms <= at_ms:
            since_ms = self._planned_until_ms + int(self._mean_gap_ms * self._random.uniform(0.5, 1.5))
            until_ms = since_ms + 600_000
            self.placed.append(Spike(since_ms, until_ms, self._random.choice(_CHANNELS), "", 5.0))
            self._planned_until_ms = until_ms
        return next((spike for spike in reversed(self.placed) if spike.holds(at_ms, channel, queue)), None)
