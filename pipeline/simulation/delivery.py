"""Delivery of events as records: shortly after they occurred, some late, some duplicated, some broken."""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import msgspec

from pipeline.simulation.bad_records import BAD_KINDS, BAD_RECORDS
from pipeline.simulation.script import Script, instant

LATE_MEAN_MS = 240_000

_encode = msgspec.json.Encoder().encode


class Faults(NamedTuple):
    """Ratios to the number of good events. Duplicates and bad records are additional to them."""

    duplicate_ratio: float = 0.01
    disorder_ratio: float = 0.05
    late_ratio: float = 0.005
    clock_ahead_ratio: float = 0.0005
    bad_ratio: float = 0.001


class Delivered(NamedTuple):
    """A record and its time of publishing. `type` of a bad record is a key of `BAD_RECORDS`."""

    send_at_ms: int
    key: bytes
    value: bytes
    type: str
    placed: str


def deliver(script: Script, random: Random, faults: Faults) -> Iterator[Delivered]:
    """Yield the records of a script, not ordered by time of sending. Events without faults keep their order.

    A disordered event is sent 1 to 10 s after its neighbours in the topic or, if the next event of its conversation
    follows within 20 s, just after that. A late one is sent 65 s to 30 min later.
    """
    conversation_id = script.conversation_id
    key = conversation_id.encode()
    planned = script.planned
    late_below = faults.late_ratio
    disorder_below = late_below + faults.disorder_ratio
    ahead_below = disorder_below + faults.clock_ahead_ratio
    uniform = random.random
    last_ms = 0
    for index, event in enumerate(planned):
        at_ms = event.at_ms
        send_at_ms = last_ms = max(last_ms, at_ms + 40 + int(uniform() * 300))
        time_ms = at_ms
        placed = ""
        dice = uniform()
        if dice < ahead_below:
            if dice < late_below:
                placed = "late"
                send_at_ms = at_ms + 65_000 + min(1_735_000, int(random.expovariate(1 / LATE_MEAN_MS)))
            elif dice < disorder_below:
                placed = "disordered"
                next_ms = planned[index + 1].at_ms if index + 1 < len(planned) else at_ms + 60_000
                if next_ms - at_ms < 20_000:
                    send_at_ms = next_ms + 500 + int(uniform() * 2_000)
                else:
                    send_at_ms = at_ms + 1_000 + int(uniform() * 9_000)
            else:
                placed = "clock_ahead"
                time_ms = send_at_ms + 6_000 + int(uniform() * 50_000)
        envelope: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{conversation_id}-{index}",
            "source": script.source,
            "type": event.type,
            "time": instant(time_ms),
            "subject": conversation_id,
            "tenant": script.customer.tenant,
            "data": event.data,
        }
        value = _encode(envelope)
        yield Delivered(send_at_ms, key, value, event.type, placed)
        dice = uniform()
        if dice < faults.duplicate_ratio:
            again_ms = send_at_ms + 200 + int(uniform() * 30_000)
            yield Delivered(again_ms, key, value, event.type, "duplicate")
        elif dice < faults.duplicate_ratio + faults.bad_ratio:
            kind = BAD_KINDS[int(uniform() * len(BAD_KINDS))]
            envelope["id"] += "-bad"
            bad_key = b"" if kind == "no_subject_no_key" else key
            yield Delivered(send_at_ms, bad_key, BAD_RECORDS[kind](envelope), kind, "bad")
