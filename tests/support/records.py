"""Records as producers send them and as a worker reads them: interactions as CloudEvents, good ones by default."""

import datetime
import json
import time
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec

from pipeline.contract.codec import Codec
from streams.events import Event
from tests.support.streams.events import record


def event(**changes: Any) -> dict[str, Any]:
    """Return a good event of now, with the given attributes changed; None leaves one out."""
    base = {
        "specversion": "1.0",
        "id": "1",
        "source": "/test",
        "type": "conversation.opened",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "subject": "c",
        "data": {"channel": "phone"},
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def encoded(**changes: Any) -> bytes:
    """Return the value of a record: that event as JSON."""
    return json.dumps(event(**changes)).encode()


#: Forty conversations that are opened, in one partition.
FORTY_OPENED = [(b"a", encoded(id=f"e{number}", subject=f"c{number}")) for number in range(40)]


def escalated(name: str, minute: int, second: int, queue: str, channel: str) -> Iterator[tuple[bytes, bytes]]:
    """Return the records of a conversation that is opened and escalated at once."""
    at = datetime.datetime.fromtimestamp(minute * 60 + second, datetime.UTC).isoformat()
    data = {"channel": channel, "queue": queue}
    yield name.encode(), encoded(id=f"{name} 1", subject=name, time=at, data=data)
    escalation = {"kind": "hierarchical"}
    yield name.encode(), encoded(id=f"{name} 2", subject=name, time=at, type="conversation.escalated", data=escalation)


def opened(subject: str, time: str, channel: str) -> tuple[bytes, bytes]:
    """Return the record of a conversation that is opened."""
    return subject.encode(), encoded(
        id=f"{subject} opened", subject=subject, time=time, type="conversation.opened", data={"channel": channel}
    )


def consumed(values: Iterable[bytes], timestamp: int) -> list[Any]:
    """Return records as a worker reads them from its partition, from offset 0 on."""
    return [
        SimpleNamespace(offset=offset, timestamp=timestamp, key=None, value=value, headers=())
        for offset, value in enumerate(values)
    ]


def read(values: Iterable[bytes]) -> list[Event]:
    """Return the events as a worker reads them if no broker has stamped them."""
    return Codec(b"k").decode(consumed(values, 0)).events


def consumed_now(events: Iterable[Event]) -> list[Any]:
    """Return events as records that reach the broker now: `interactions` keeps 90 days."""
    return consumed((msgspec.json.encode(record(event).value) for event in events), time.time_ns() // 1_000_000)
