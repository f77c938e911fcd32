"""The traffic: an endless series of records in order of publishing, from conversations that begin at random.

Arrivals are a Poisson process whose intensity follows the time of day, constant within each minute.
"""

from bisect import bisect
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import accumulate
from random import Random
from typing import NamedTuple, Self

from pipeline.simulation.delivery import Faults, deliver
from pipeline.simulation.ground_truth import GroundTruth, Tally
from pipeline.simulation.script import ESCALATION_TYPES, Planned, Script
from pipeline.simulation.spikes import Spike, SpikePlan
from pipeline.simulation.stories import STORIES, escalate_at
from pipeline.simulation.world import CHANNEL_NAMES, CHANNELS, Customer, day_factor, new_customer, new_topic

MINUTE_MS = 60_000
# Measured: distinct good events per conversation that begins, including its followers.
EVENTS_PER_CONVERSATION = 8.7


class Simulated(NamedTuple):
    """A record to publish at `send_at_ms`, UTC epoch ms.

    `placed` is '' or its fault: duplicate, late, disordered, clock_ahead or bad.
    """

    send_at_ms: int
    key: bytes
    value: bytes
    placed: str


class Simulation(Iterator[Simulated]):
    """Simulated traffic from `start_ms` on, ordered by `send_at_ms`, deterministic for given arguments.

    `rate_per_second`: good events per second, as a mean over the week, once the number of open conversations is
    stationary (with `speedup` 1 the closing events of e-mails take days). `follows_the_day`: False for the same rate at
    all hours. `until_ms`: nothing is sent at or after it; None for no end. `id_prefix`: distinguishes the ids of two
    runs. `speedup`: divides the waits within a conversation.
    Planned events are kept in memory, some 500 bytes each: at 100 events a second and `speedup` 1 about 500 MB after
    two days, at `speedup` 20 below 100 MB.
    `spikes`: the placed ones; None for random ones `mean_spike_gap_seconds` apart (0 for none).
    """

    def __init__(
        self,
        seed: int,
        rate_per_second: float,
        start_ms: int,
        *,
        until_ms: int | None = None,
        id_prefix: str = "s",
        utc_offset_minutes: int = 60,
        follows_the_day: bool = True,
        speedup: float = 1.0,
        faults: Faults | None = None,
        spikes: Iterable[Spike] | None = None,
        mean_spike_gap_seconds: float = 7200.0,
    ) -> None:
        if rate_per_second <= 0 or speedup <= 0:
            raise ValueError(f"expected positive rate_per_second and speedup, got {rate_per_second} and {speedup}")
        self._random = Random(seed)
        self._seed, self._rate_per_second, self._id_prefix = seed, rate_per_second, id_prefix
        self._start_ms, self._until_ms = start_ms, until_ms
        self._utc_offset_minutes, self._follows_the_day = utc_offset_minutes, follows_the_day
        self._speedup = speedup
        self._faults = Faults() if faults is None else faults
        self._spikes = SpikePlan(seed, start_ms, mean_spike_gap_seconds, spikes)
        self._tally = Tally()
        # send_at_ms, number, key, value, type, placed; the number preserves the order of equal instants
        self._due: list[tuple[int, int, bytes, bytes, str, str]] = []
        self._due_number = self._conversation_number = self._customer_number = 0
        self._other_id_of_source: dict[str, str] = {}
        # at_ms, number, channel, root_id, customer, topic of the next conversations of known customers
        self._followers: list[tuple[int, int, str, str, Customer, str]] = []
        self._last_sent_ms = start_ms
        self._minute_ends_ms = start_ms
        self._cumulative: list[float] = []
        self._per_ms = 0.0
        self._next_arrival_ms = float(start_ms)
        self._draw_arrival()
        self._next_beginning_ms = int(self._next_arrival_ms)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Simulated:
        due = self._due
        while not due or due[0][0] >= self._next_beginning_ms:
            if self._until_ms is not None and self._next_beginning_ms >= self._until_ms:
                break
            self._begin_due()
        if not due or (self._until_ms is not None and due[0][0] >= self._until_ms):
            raise StopIteration
        send_at_ms, _, key, value, event_type, placed = heappop(due)
        self._tally.add(event_type, placed)
        self._last_sent_ms = send_at_ms
        return Simulated(send_at_ms, key, value, placed)

    def ground_truth(self) -> GroundTruth:
        tally = self._tally
        return GroundTruth(
            seed=self._seed,
            id_prefix=self._id_prefix,
            rate_per_second=self._rate_per_second,
            since_ms=self._start_ms,
            until_ms=self._last_sent_ms,
            spikes=[spike for spike in self._spikes.placed if spike.since_ms <= self._last_sent_ms],
            sent_count=tally.sent_count,
            count_by_type=dict(sorted(tally.by_type.items())),
            duplicate_count=tally.by_placing["duplicate"],
            late_count=tally.by_placing["late"],
            disordered_count=tally.by_placing["disordered"],
            clock_ahead_count=tally.by_placing["clock_ahead"],
            bad_count=tally.by_placing["bad"],
            bad_count_by_kind=dict(sorted(tally.bad_by_kind.items())),
        )

    # ---- arrivals --------------------------------------------------------------------------------

    def _draw_arrival(self) -> None:
        """Draw the next arrival; when a minute ends first, with the intensity of the next minute."""
        at_ms = self._next_arrival_ms
        while True:
            if at_ms >= self._minute_ends_ms:
                self._begin_minute(int(at_ms))
            gap_ms = self._random.expovariate(self._per_ms)
            if at_ms + gap_ms < self._minute_ends_ms:
                self._next_arrival_ms = at_ms + gap_ms
                return
            at_ms = float(self._minute_ends_ms)

    def _begin_minute(self, at_ms: int) -> None:
        weights = [
            CHANNELS[name].weight
            * (day_factor(name, at_ms, self._utc_offset_minutes) if self._follows_the_day else 1.0)
            for name in CHANNEL_NAMES
        ]
        self._cumulative = list(accumulate(weights))
        self._per_ms = self._rate_per_second / EVENTS_PER_CONVERSATION / 1000 * self._cumulative[-1]
        self._minute_ends_ms = at_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS

    def _begin_due(self) -> None:
        """Begin the next conversation: of a returning customer if due first, else of a new one."""
        if self._followers and self._followers[0][0] <= self._next_arrival_ms:
            at_ms, _, channel, root_id, customer, topic = heappop(self._followers)
            self._play(channel, at_ms, customer, topic, root_id)
        else:
            self._begin_new()
        self._next_beginning_ms = int(self._next_arrival_ms)
        if self._followers:
            self._next_beginning_ms = min(self._next_beginning_ms, self._followers[0][0])

    def _begin_new(self) -> None:
        at_ms = int(self._next_arrival_ms)
        number = bisect(self._cumulative, self._random.random() * self._cumulative[-1])
        channel = CHANNEL_NAMES[min(number, len(CHANNEL_NAMES) - 1)]
        self._draw_arrival()
        self._play(channel, at_ms, self._new_customer(channel), new_topic(self._random), "")

    def _new_customer(self, channel: str) -> Customer:
        self._customer_number += 1
        return new_customer(self._random, f"{self._id_prefix}-customer-{self._customer_number}", channel)

    # ---- conversations ---------------------------------------------------------------------------

    def _new_script(self, channel: str, at_ms: int, customer: Customer, topic: str, root_id: str) -> Script:
        self._conversation_number += 1
        conversation_id = f"{self._id_prefix}-{self._conversation_number:07d}"
        return Script(self._random, conversation_id, customer, channel, topic, at_ms, self._speedup, root_id)

    def _play(self, channel: str, at_ms: int, customer: Customer, topic: str, root_id: str) -> None:
        script = self._new_script(channel, at_ms, customer, topic, root_id)
        STORIES[channel](script, self._other_id_of_source.get(script.source, ""))
        self._other_id_of_source[script.source] = script.conversation_id
        self._send(script)
        for follower_channel, follower_ms, follower_root_id in script.followers:
            self._due_number += 1
            heappush(
                self._followers,
                (follower_ms, self._due_number, follower_channel, follower_root_id, customer, topic),
            )
        for event in script.planned:
            if event.type in ESCALATION_TYPES:
                self._multiply(event, at_ms, customer.tenant, topic)

    def _multiply(self, event: Planned, now_ms: int, tenant: str, topic: str) -> None:
        """Add `factor` - 1 escalations for one within a spike, each in a conversation of its own."""
        spike = self._spikes.holding(event.at_ms, event.channel, event.queue)
        if spike is None:
            return
        since_ms = max(now_ms, spike.since_ms)
        extra = spike.factor - 1.0
        for _ in range(int(extra) + (self._random.random() < extra % 1)):
            at_ms = since_ms + int(self._random.random() * (spike.until_ms - since_ms))
            opened_ms = max(now_ms, at_ms - 1000 - int(self._random.random() * 120_000))
            customer = self._new_customer(event.channel)._replace(tenant=tenant)
            script = self._new_script(event.channel, opened_ms, customer, topic, "")
            script.queue = event.queue
            escalate_at(script, at_ms, event.type, event.data)
            self._send(script)

    def _send(self, script: Script) -> None:
        due, number = self._due, self._due_number
        for send_at_ms, key, value, event_type, placed in deliver(script, self._random, self._faults):
            if self._until_ms is None or send_at_ms < self._until_ms:
                number += 1
                heappush(due, (send_at_ms, number, key, value, event_type, placed))
        self._due_number = number


simulate = Simulation
