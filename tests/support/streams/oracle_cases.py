"""One-line logs for the oracle, and its rows as the golden cases read them."""

from itertools import count
from typing import Any

from tests.oracle import Oracle, Record
from tests.oracle.records import instant_ms

MINUTE_MS = 60_000
_ids = count()


def at(clock: str, day: str = "2024-03-04") -> int:
    """Return the instant of a UTC time of day, `10:00` or `10:00:30`, in ms."""
    text = clock if clock.count(":") == 2 else clock + ":00"
    instant = instant_ms(f"{day}T{text}Z")
    assert instant is not None
    return instant


def event(
    event_type: str,
    time_of_day: str,
    /,
    *,
    about: str = "a",
    day: str = "2024-03-04",
    event_id: str | None = None,
    tenant: str | None = None,
    **data: Any,
) -> Record:
    """Return an event of the conversation `about` at a time of day."""
    text = time_of_day if time_of_day.count(":") == 2 else time_of_day + ":00"
    value: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id if event_id is not None else f"e{next(_ids)}",
        "source": "/test",
        "type": event_type,
        "time": f"{day}T{text}Z",
        "subject": about,
        "data": data,
    }
    if tenant is not None:
        value["tenant"] = tenant
    return Record(value)


def opened(time_of_day: str, /, channel: str = "email", **data: Any) -> Record:
    """Return the opening of a conversation."""
    return event("conversation.opened", time_of_day, channel=channel, **data)


def says(actor_kind: str, time_of_day: str, /, **data: Any) -> Record:
    """Return a message by an actor of that kind."""
    return event("message.created", time_of_day, actor_kind=actor_kind, **data)


def does(what: str, time_of_day: str, /, **data: Any) -> Record:
    """Return `conversation.` + what: resolved, closed, queued, waiting, ..."""
    return event(f"conversation.{what}", time_of_day, **data)


def fact(oracle: Oracle) -> dict[str, Any]:
    """Return the row of the only conversation."""
    (row,) = oracle.conversation_facts()
    return row


def durations(oracle: Oracle, kind: str) -> list[float]:
    """Return the durations of a kind, in minutes."""
    return [row["duration_ms"] / MINUTE_MS for row in oracle.response_times() if row["kind"] == kind]


def clocks(oracle: Oracle) -> list[tuple[str, str, str | None]]:
    """Return kind, outcome, and the time of day of min(reply, due)."""

    def text(at_ms: int | None) -> str | None:
        if at_ms is None:
            return None
        minutes = at_ms % 86_400_000 // MINUTE_MS
        return f"{minutes // 60:02}:{minutes % 60:02}"

    return [(row["clock"], row["outcome"], text(row["at_ms"])) for row in oracle.sla()]


def counts(oracle: Oracle, queue: str, channel: str = "email") -> dict[str, tuple[int, int, int, int, int]]:
    """Return minute -> open, arrived, departed, moved in, moved out; only rows with a change."""
    result = {}
    open_before = 0
    for row in oracle.backlog_by("minute"):
        if (row["queue"], row["channel"]) != (queue, channel):
            continue
        numbers = tuple(
            row[name] for name in ("open_count", "arrived_count", "departed_count", "moved_in_count", "moved_out_count")
        )
        if any(numbers[1:]) or numbers[0] != open_before:
            minutes = row["minute"] % 86_400_000 // MINUTE_MS
            result[f"{minutes // 60:02}:{minutes % 60:02}"] = numbers
        open_before = numbers[0]
    return result
