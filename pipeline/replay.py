"""Publish contract events from files to Kafka: ids unchanged, at the pace at which they occurred or at full speed."""

import gzip
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from pipeline.broker import sending

SPEED_UNLIMITED = float("inf")
POLL_EVERY = 10_000


class _Routing(msgspec.Struct):
    """What replay reads of an event: its conversation, for the key, and its time, for the pace."""

    subject: str | None = None
    time: datetime | None = None


_routing = msgspec.json.Decoder(_Routing)


def lines(path: Path) -> Iterator[bytes]:
    """The records of a file of JSON lines, plain or .gz; empty lines are left out."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            if stripped := line.strip():
                yield stripped


def replay(
    bootstrap: str,
    topic: str,
    paths: list[Path],
    speed: float,
    *,
    shift_to_now: bool = False,
    progress: Callable[[int], None] = lambda sent: None,
) -> int:
    """Send the lines of files in order; the number sent comes back.

    `speed` 1 keeps the distances of event time, 60 makes an hour a minute, infinity waits for nothing. `shift_to_now`
    moves all times so that the first event occurs now. Lines that are no JSON go out as they are. Raises BrokerError.
    """
    sent, started_at, first_at, shift = 0, time.monotonic(), None, None
    with sending(bootstrap, topic) as send:
        for path in paths:
            for line in lines(path):
                try:
                    routing = _routing.decode(line)
                except msgspec.MsgspecError:
                    routing = _Routing()
                value = line
                if routing.time is not None and routing.time.tzinfo is not None:
                    first_at = first_at or routing.time
                    shift = shift or datetime.now(UTC) - first_at
                    if shift_to_now:
                        value = _shifted(line, routing.time + shift)
                    if speed != SPEED_UNLIMITED:
                        due = (routing.time - first_at).total_seconds() / speed
                        time.sleep(max(0.0, due - (time.monotonic() - started_at)))
                send(routing.subject.encode() if routing.subject else None, value)
                sent += 1
                if sent % POLL_EVERY == 0 or speed != SPEED_UNLIMITED:
                    progress(sent)
    progress(sent)
    return sent


def _shifted(line: bytes, moment: datetime) -> bytes:
    event: dict[str, Any] = msgspec.json.decode(line)
    event["time"] = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return msgspec.json.encode(event)
