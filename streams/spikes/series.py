"""The series of counts that are watched: measures of a tenant, of its channels, queues and cells."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

Measure = Literal["escalations", "inflow", "shares", "silence"]
Scope = Literal["all", "channel", "queue", "cell"]


class Place(NamedTuple):
    """The origin of counts; '' for unknown."""

    tenant: str
    queue: str
    channel: str


class Counts(NamedTuple):
    """The counts of one minute and place. Arrived: opened and reopened."""

    escalated_count: int = 0
    arrived_count: int = 0
    shared_count: int = 0


#: The measures that are counted, in the order of `Counts`.
COUNTED: tuple[Measure, ...] = ("escalations", "inflow", "shares")


class Series(NamedTuple):
    """One series. A cell is a queue by channel; dimensions outside the scope are ''."""

    measure: Measure
    scope: Scope
    tenant: str
    queue: str = ""
    channel: str = ""

    @property
    def counted_measure(self) -> Measure:
        """The measure that is counted for it: silence is evaluated on the inflow."""
        return "inflow" if self.measure == "silence" else self.measure

    def holds(self, place: Place) -> bool:
        """Return whether the counts of `place` belong to the series."""
        return (
            place.tenant == self.tenant
            and (self.scope in ("all", "channel") or place.queue == self.queue)
            and (self.scope in ("all", "queue") or place.channel == self.channel)
        )

    def contains(self, other: "Series") -> bool:
        """Return whether all counts of `other` belong to the series; those of a silence are its inflow's."""
        return (
            self.counted_measure == other.counted_measure
            and self.tenant == other.tenant
            and (self.scope in ("all", "channel") or (other.scope in ("queue", "cell") and self.queue == other.queue))
            and (
                self.scope in ("all", "queue") or (other.scope in ("channel", "cell") and self.channel == other.channel)
            )
        )

    def overlaps(self, other: "Series") -> bool:
        """Return whether some count can belong to both series."""
        if self.counted_measure != other.counted_measure or self.tenant != other.tenant:
            return False
        is_queue_open = self.scope in ("all", "channel") or other.scope in ("all", "channel")
        is_channel_open = self.scope in ("all", "queue") or other.scope in ("all", "queue")
        return (is_queue_open or self.queue == other.queue) and (is_channel_open or self.channel == other.channel)


def series_of(measure: Measure, place: Place) -> Iterator[Series]:
    """Yield the series of a measure to which the counts of a place belong, the widest first.

    An unknown queue or channel has no series: its counts belong to the wider ones only.
    """
    tenant, queue, channel = place
    yield Series(measure, "all", tenant)
    if channel:
        yield Series(measure, "channel", tenant, channel=channel)
    if queue:
        yield Series(measure, "queue", tenant, queue=queue)
    if queue and channel:
        yield Series(measure, "cell", tenant, queue, channel)
