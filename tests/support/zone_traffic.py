"""Conversations around the days of a zone, and the numbers of the views computed one instant at a time.

Shares no code with `streams/`, `pipeline/` or the views: `zoneinfo` decides the date of an instant, and the backlog is
counted conversation by conversation. Instants are UTC epoch ms.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
IDLE_LIMIT_MS = 40 * HOUR_MS
#: Days that begin within an hour, days without a midnight, clocks that change by half an hour or in reverse.
HARD_ZONES = (
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Santiago",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "America/St_Johns",
    "Pacific/Chatham",
    "Africa/Casablanca",
)
Numbers = Counter[tuple[Any, ...]]


class Talk(NamedTuple):
    """One conversation. An instant of 0 means none; `idles` has neither answer nor end except its expiry."""

    number: int
    queue: str
    opened_ms: int
    escalated_ms: int = 0
    answered_ms: int = 0
    due_ms: int = 0
    resolved_ms: int = 0
    idles: bool = False

    def left_ms(self, watermark_ms: int) -> int:
        """Return when it departed, by the watermark; 0 while it is open."""
        if not self.idles:
            return self.resolved_ms
        expires_ms = -(-(self.opened_ms + IDLE_LIMIT_MS) // HOUR_MS) * HOUR_MS
        return expires_ms if expires_ms <= watermark_ms else 0

    def is_open(self, at_ms: int, watermark_ms: int) -> bool:
        """Return whether it is open just before an instant."""
        left_ms = self.left_ms(watermark_ms)
        return self.opened_ms < at_ms and not (left_ms and left_ms < at_ms)

    def outcome(self, watermark_ms: int) -> tuple[str, int]:
        """Return the outcome of the first-response clock, met or missed, and when; '' if undecided or without one."""
        if self.due_ms and self.answered_ms and self.answered_ms < self.due_ms:
            return "met", self.answered_ms
        if self.due_ms and self.due_ms < watermark_ms // MINUTE_MS * MINUTE_MS:
            return "missed", self.due_ms
        return "", 0


@lru_cache(100_000)
def date_of(zone: ZoneInfo, at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone).date().isoformat()


def day_starts(zone: ZoneInfo, around_ms: int, days: int = 2) -> list[int]:
    """Return the first minutes of the dates around an instant."""
    hours = [hour * HOUR_MS for hour in range(around_ms // HOUR_MS - days * 24, around_ms // HOUR_MS + days * 24)]
    starts = []
    for hour_ms in hours:
        if date_of(zone, hour_ms) != date_of(zone, hour_ms + HOUR_MS):
            minutes = [hour_ms + minute * MINUTE_MS for minute in range(1, 61)]
            starts.append(next(at for at in minutes if date_of(zone, at) == date_of(zone, hour_ms + HOUR_MS)))
    return starts


@lru_cache
def clock_changes(zone: ZoneInfo, from_ms: int, to_ms: int) -> list[int]:
    """Return the days around which the zone's offset changes."""
    days = range(from_ms // DAY_MS, to_ms // DAY_MS)
    offsets = [datetime.fromtimestamp(day * 86_400, UTC).astimezone(zone).utcoffset() for day in days]
    return [
        day * DAY_MS for day, offset, before in zip(days[1:], offsets[1:], offsets, strict=False) if offset != before
    ]


def talks(zone: ZoneInfo, chance: Random, watermark_ms: int, count: int = 90) -> list[Talk]:
    """Return conversations near the borders of days: now, 14 and 400 days ago, and where clocks change.

    The last event is at `watermark_ms`.
    """
    borders = [border for ago in (0, 14, 400) for border in day_starts(zone, watermark_ms - ago * DAY_MS)]
    for change in clock_changes(zone, watermark_ms - 430 * DAY_MS, watermark_ms):
        borders += day_starts(zone, change)

    def near() -> int:
        border = chance.choice(borders)
        return border + chance.choice(
            [0, -1, 1, chance.randrange(-2 * HOUR_MS, 2 * HOUR_MS), chance.randrange(-DAY_MS, DAY_MS)]
        )

    found = [Talk(0, "last", watermark_ms)]
    while len(found) < count:
        opened_ms = near()
        if not opened_ms < watermark_ms - HOUR_MS:
            continue
        queue, number = chance.choice(["a", "b"]), len(found)
        if chance.random() < 0.1:
            found.append(Talk(number, "idle", opened_ms, idles=True))
            continue
        later = sorted(at for at in (near() for _ in range(8)) if opened_ms < at < watermark_ms)
        due_ms = chance.choice([0, near(), watermark_ms + chance.randrange(30 * HOUR_MS)])
        due_ms = due_ms if due_ms > opened_ms + 1000 else 0
        escalated_ms = later[0] if later and chance.random() < 0.5 else 0
        answered_ms = later[-2] if len(later) > 2 and chance.random() < 0.6 else 0
        resolved_ms = later[-1] if answered_ms and later[-1] > answered_ms and chance.random() < 0.6 else 0
        if answered_ms == due_ms or (escalated_ms and answered_ms and escalated_ms >= answered_ms):
            continue
        found.append(Talk(number, queue, opened_ms, escalated_ms, answered_ms, due_ms, resolved_ms))
    return found


def values(found: list[Talk]) -> list[bytes]:
    """Return the events, in the order in which they happened."""
    events = [event for talk in found for event in _events(talk)]
    return [msgspec.json.encode(event) for event in sorted(events, key=lambda event: str(event["time"]))]


def _events(talk: Talk) -> Iterator[dict[str, Any]]:
    def event(what: str, at_ms: int, **data: Any) -> dict[str, Any]:
        named = {"specversion": "1.0", "source": "/desk", "subject": f"talk-{talk.number}"}
        return named | {"id": f"{talk.number}-{what}", "type": what, "time": _text(at_ms), "data": data}

    yield event("conversation.opened", talk.opened_ms, channel="messaging" if talk.idles else "email", queue=talk.queue)
    if not talk.idles:
        yield event("message.created", talk.opened_ms, actor_kind="customer")
    if talk.due_ms:
        yield event("sla.target_set", talk.opened_ms, clock="first_response", due_at=_text(talk.due_ms))
    if talk.escalated_ms:
        yield event("conversation.escalated", talk.escalated_ms, kind="functional")
    if talk.answered_ms:
        yield event("message.created", talk.answered_ms, actor_kind="agent") | {"id": f"{talk.number}-answer"}
    if talk.resolved_ms:
        yield event("conversation.resolved", talk.resolved_ms)


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def backlog(found: list[Talk], at_ms: int, watermark_ms: int) -> Numbers:
    """Return the open conversations just before an instant, by queue."""
    return Counter((talk.queue,) for talk in found if talk.is_open(at_ms, watermark_ms))


def changes(found: list[Talk], watermark_ms: int) -> list[tuple[int, str, str]]:
    """Return every instant at which something is counted: when, what, in which queue."""
    counted = []
    for talk in found:
        counted.append((talk.opened_ms, "contact", talk.queue))
        if not talk.idles:
            counted.append((talk.opened_ms, "message", talk.queue))
        if talk.escalated_ms:
            counted.append((talk.escalated_ms, "escalated", talk.queue))
        if talk.answered_ms:
            counted.append((talk.answered_ms, "first_response", talk.queue))
        left_ms = talk.left_ms(watermark_ms)
        if left_ms:
            counted.append((left_ms, "departed", talk.queue))
        outcome, at_ms = talk.outcome(watermark_ms)
        if outcome:
            counted.append((at_ms, outcome, talk.queue))
    return counted
