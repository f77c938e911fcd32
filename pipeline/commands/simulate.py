"""`sichtflug simulate`: publish simulated traffic in real time."""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.kafka.bulk import bulk_producer
from pipeline.simulation import Simulation, simulate

#: Conversations proceed this much faster than real ones, so that they begin and end within a short demo.
SPEEDUP = 60.0
SLICE_SECONDS = 0.05


def publish_live(
    bootstrap: str,
    topic: str,
    rate: float,
    seed: int,
    seconds: float | None,
    truth: Path | None,
    *,
    progress: Callable[[int], None] = lambda sent: None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Publish simulated records for `seconds`, or until `stopped` returns True. Return the number sent.

    Ids of events and conversations have a prefix unique to the run. The ground truth of what was sent is written to
    the file `truth`. Raises BrokerError.
    """
    start_ms = time.time_ns() // 1_000_000
    until_ms = start_ms + int(seconds * 1000) if seconds is not None else None
    traffic = simulate(
        seed,
        rate,
        start_ms,
        until_ms=until_ms,
        id_prefix=f"s{seed}-{secrets.token_hex(4)}",
        follows_the_day=False,
        speedup=SPEEDUP,
    )
    sent = 0
    try:
        with bulk_producer(bootstrap, topic) as send:
            for item in _paced(traffic, stopped):
                send(item.key, item.value)
                sent += 1
                if sent % 100 == 0:
                    progress(sent)
    finally:
        if truth is not None:
            traffic.ground_truth().write(truth)
    return sent


def _paced(traffic: Simulation, stopped: Callable[[], bool]) -> Iterator[Any]:
    for item in traffic:
        while not stopped() and (ahead := item.send_at_ms / 1000 - time.time()) > 0:
            time.sleep(min(ahead, SLICE_SECONDS))
        # Even after a stop during the wait, because the ground truth contains this record.
        yield item
        if stopped():
            return
