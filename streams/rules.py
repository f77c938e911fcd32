"""The rules that turn events into numbers. They are input: their version is part of every checkpoint."""

from hashlib import blake2b
from typing import Annotated, Literal

import msgspec

from streams.calendars import BusinessHours, Calendar
from streams.days import ReportingDays


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mode of a channel, and its visibility unless an event states another."""

    mode: Literal["sync", "async"] = "async"
    visibility: Literal["private", "public"] = "private"


UNKNOWN_CHANNEL = Channel()

DEFAULT_CHANNELS: dict[str, Channel] = {
    "phone": Channel("sync", "private"),
    "email": Channel("async", "private"),
    "web_chat": Channel("sync", "private"),
    "in_app": Channel("async", "private"),
    "messaging": Channel("async", "private"),
    "social_public": Channel("async", "public"),
    "social_private": Channel("async", "private"),
    "community": Channel("async", "public"),
    "self_service": Channel("sync", "private"),
}

CLOCK_KINDS = ("first_response", "next_response", "resolution")
FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION = range(3)


#: At most ten years; leave the setting out for no limit.
Seconds = Annotated[int, msgspec.Meta(ge=0, le=315_360_000)]


class Targets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SLA targets in seconds of the queue's business time; None for no target."""

    first_response_seconds: Seconds | None = None
    next_response_seconds: Seconds | None = None
    resolution_seconds: Seconds | None = None

    def seconds(self, kind: int) -> int | None:
        """Return the target of clock `kind`, an index into CLOCK_KINDS."""
        return (self.first_response_seconds, self.next_response_seconds, self.resolution_seconds)[kind]


class Queue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The exceptions of a queue: its calendar (by name) and its SLA targets."""

    calendar: str = ""
    targets: Targets | None = None


class RulesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything besides the events that affects a stored value.

    The comment above a field is its text in `docs/reference/settings.md`.
    """

    #: By channel: its mode (`sync` or `async`) and visibility (`private` or `public`).
    channels: dict[str, Channel] = msgspec.field(default_factory=DEFAULT_CHANNELS.copy)
    #: SLA targets of queues that have none of their own, in seconds of business time.
    targets: Targets = Targets()
    #: By queue: its calendar and its own targets.
    queues: dict[str, Queue] = {}
    #: By name: time zone, business hours by weekday, holidays.
    calendars: dict[str, Calendar] = {}
    #: Seconds without activity after which an open conversation of the channel expires; '' is every other channel.
    idle_limit_seconds: dict[str, Seconds] = {}
    #: Seconds behind the watermark beyond which an event counts as late.
    allowed_lateness_seconds: Seconds = 60
    #: IANA time zone in which days begin. Changing it requires an empty database.
    reporting_zone: str = "UTC"
    #: Combinations of tenant, queue, channel and visibility counted per partition; later ones are counted as `(other)`.
    cell_limit: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 5_000

    def version(self) -> str:
        """Return 16 hexadecimal digits that change when a rule changes."""
        canonical = msgspec.json.encode(self, order="sorted")
        return blake2b(canonical, digest_size=8).hexdigest()


def _business_hours(name: str, calendar: Calendar) -> BusinessHours:
    try:
        return BusinessHours(calendar)
    except ValueError as error:
        raise ValueError(f"calendars.{name}.{error}") from None


class Rules:
    """The rules prepared for lookup. Raises ValueError for an invalid calendar, or an unknown zone or calendar name."""

    def __init__(self, rules: RulesConfig) -> None:
        self.config = rules
        self.version = rules.version()
        self.days = ReportingDays(rules.reporting_zone)
        self.allowed_lateness_ms = rules.allowed_lateness_seconds * 1000
        self._hours = {name: _business_hours(name, calendar) for name, calendar in rules.calendars.items()}
        self._always = BusinessHours(None)
        for name, queue in rules.queues.items():
            if queue.calendar and queue.calendar not in self._hours:
                known = ", ".join(sorted(self._hours)) or "there are none"
                raise ValueError(
                    f"queues.{name}.calendar: expected one of rules.calendars ({known}), got {queue.calendar!r}"
                )
        self.has_idle_limits = bool(rules.idle_limit_seconds)

    def visibility(self, channel: str) -> str:
        """Return the default visibility of a channel: `private` if it is not configured, '' for ''."""
        return self.config.channels.get(channel, UNKNOWN_CHANNEL).visibility if channel else ""

    def mode(self, channel: str) -> str:
        """Return `sync` or `async`, '' for the channel ''."""
        return self.config.channels.get(channel, UNKNOWN_CHANNEL).mode if channel else ""

    def hours(self, queue: str) -> BusinessHours:
        """Return the business hours of a queue; without a calendar all time counts."""
        configured = self.config.queues.get(queue)
        return self._hours[configured.calendar] if configured and configured.calendar else self._always

    def business_ms(self, queue: str, start_ms: int, end_ms: int) -> int:
        """Return the business ms of a queue in `[start_ms, end_ms)`; 0 if the end is not after the start."""
        if self._hours:
            return self.hours(queue).between(start_ms, end_ms)
        return end_ms - start_ms if end_ms > start_ms else 0

    def target_ms(self, queue: str, kind: int) -> int | None:
        """Return the configured SLA target of clock `kind` in business ms, None if there is none."""
        configured = self.config.queues.get(queue)
        seconds = (configured.targets if configured and configured.targets else self.config.targets).seconds(kind)
        return None if seconds is None else seconds * 1000

    def idle_limit_ms(self, channel: str) -> int:
        """Return the idle limit of a channel in ms, 0 if its conversations never expire."""
        limits = self.config.idle_limit_seconds
        return limits.get(channel, limits.get("", 0)) * 1000
