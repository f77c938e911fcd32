"""Placed escalation spikes: spans in which escalations of one channel, or queue, come several times as often."""

from collections.abc import Iterable
from random import Random
from typing import NamedTuple

_CHANNELS = ("phone", "email", "web_chat", "messaging", "social_public")


class Spike(NamedTuple):
    """Escalations in [since_ms, until_ms) come `factor` times as often; channel or queue '' means any."""

    since_ms: int
    until_ms: int
    channel: str
    queue: str
    factor: float

    def holds(self, at_ms: int, channel: str, queue: str) -> bool:
        return self.since_ms <= at_ms < self.until_ms and self.channel in ("", channel) and self.queue in ("", queue)


class SpikePlan:
    """Either the spikes given, or spikes without end: ten minutes each, five times as many, at random gaps.

    The plan has a random source of its own and grows with the time asked for, so that it depends on the seed
    alone and not on who asks when. `mean_gap_seconds` 0 places none.
    """

    def __init__(self, seed: int, start_ms: int, mean_gap_seconds: float, given: Iterable[Spike] | None) -> None:
        self.placed: list[Spike] = sorted(given) if given is not None else []
        self._mean_gap_ms = 0.0 if given is not None else mean_gap_seconds * 1000
        self._random = Random(f"spikes of {seed}")
        self._planned_until_ms = start_ms

    def holding(self, at_ms: int, channel: str, queue: str) -> Spike | None:
        """The spike at this instant and place, the latest placed one of several."""
        while self._mean_gap_ms and self._planned_until_ms <= at_ms:
            since_ms = self._planned_until_ms + int(self._mean_gap_ms * self._random.uniform(0.5, 1.5))
            until_ms = since_ms + 600_000
            self.placed.append(Spike(since_ms, until_ms, self._random.choice(_CHANNELS), "", 5.0))
            self._planned_until_ms = until_ms
        return next((spike for spike in reversed(self.placed) if spike.holds(at_ms, channel, queue)), None)
