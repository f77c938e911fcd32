"""Time from Kafka's acknowledgement of an event until its rows can be queried, with dashboards open."""

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.support import live_traffic
from benchmarks.support.dashboards import open_wall
from benchmarks.support.live_traffic import Acknowledged, Published
from benchmarks.support.processes import measured
from benchmarks.support.repeated_query import RepeatedQuery
from benchmarks.support.traffic import PARTITIONS
from benchmarks.support.worker_process import restored_worker, until
from pipeline.clickhouse.client import ClickHouse
from pipeline.kafka.admin import KafkaAdmin

POLL_SECONDS = 0.1


class Freshness(msgspec.Struct):
    """Seconds from acknowledgement to queryable, over all records of the measured period.

    Also the number of dashboard refreshes meanwhile, the seconds per refresh, and the seconds of the poll's own query.
    """

    event_count: int
    seconds: int
    p50_seconds: float
    p99_seconds: float
    longest_seconds: float
    refresh_seconds: float
    refresh_count: int
    refresh_median_seconds: float
    refresh_longest_seconds: float
    poll_median_seconds: float


class _Progress:
    """The ledger's progress as observed, and when. A result counts from its arrival, not from its request.

    The next offset of a log only grows within an epoch, so all offsets below it belong to rows that can be queried.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        # By partition: next offsets in ascending order, and when each was first observed.
        self._offsets: defaultdict[int, list[int]] = defaultdict(list)
        self._seen_at: defaultdict[int, list[float]] = defaultdict(list)

    def ask(self, client: ClickHouse) -> None:
        """Query the checkpoints once and record progress."""
        rows = client.rows(
            "SELECT kafka_partition, max(next_offset) FROM ledger "
            f"WHERE log = '{self._topic}' AND kind = 'checkpoint' GROUP BY kafka_partition"
        )
        seen_at = time.monotonic()
        for partition, next_offset in rows:
            offsets = self._offsets[partition]
            if not offsets or next_offset > offsets[-1]:
                self._seen_at[partition].append(seen_at)
                offsets.append(next_offset)

    def record_count(self) -> int:
        """Return the number of records that can be queried, as of the last result; all logs begin at offset 0."""
        return sum(offsets[-1] for offsets in list(self._offsets.values()) if offsets)

    def queryable_at(self, record: Acknowledged) -> float:
        """Return the instant (`time.monotonic`, seconds) of the first result that covered a record."""
        return self._seen_at[record.partition][bisect_right(self._offsets[record.partition], record.offset)]


def run(bootstrap: str, url: str, seconds: int, refresh_seconds: float, log: Path) -> Freshness:
    """Start a worker, a poll, the dashboards and a producer, and combine their timings. Raises MeasurementError.

    `seconds` is the length of the measured period; each dashboard is refreshed every `refresh_seconds`. The processes
    log to `log` and files beside it.
    """
    topic = f"live_{refresh_seconds:g}"
    KafkaAdmin(bootstrap).ensure_topic(topic, PARTITIONS, 1)
    progress = _Progress(topic)
    poll = RepeatedQuery(url, topic, POLL_SECONDS, progress.ask)
    with (
        restored_worker(bootstrap, topic, url, topic, log.parent) as worker,
        poll,
        open_wall(url, topic, refresh_seconds) as wall,
    ):
        published = measured("support.live_traffic", Published, log, live_traffic.Run(bootstrap, topic, seconds))
        until(worker, lambda: progress.record_count() >= published.sent_count, POLL_SECONDS)
    times = (published.began_at, published.began_at + seconds)
    waits = sorted(progress.queryable_at(record) - record.at for record in published.measured)
    refreshes = [answer.seconds for screen in wall for answer in screen.answers(*times)]
    return Freshness(
        event_count=len(waits),
        seconds=seconds,
        p50_seconds=quantile(waits, 0.5),
        p99_seconds=quantile(waits, 0.99),
        longest_seconds=waits[-1],
        refresh_seconds=refresh_seconds,
        refresh_count=len(refreshes),
        refresh_median_seconds=median(refreshes),
        refresh_longest_seconds=max(refreshes),
        poll_median_seconds=median(answer.seconds for answer in poll.answers(*times)),
    )


def quantile(ascending: Sequence[float], level: float) -> float:
    """Return the smallest value that at least the share `level` (0 to 1) of the values does not exceed."""
    return ascending[max(0, ceil(level * len(ascending)) - 1)]
