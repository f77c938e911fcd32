"""The metrics of one stage of a worker.

Base units, `_total` for counters, no ids as labels.
"""

import time
from contextlib import suppress
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.contract.validation import REASONS
from streams.books import Books

LIVE_SECONDS = 15.0

PARTITION = ("partition",)

REJECTED_HELP = "Records rejected, by reason; each is a dead letter. Look at docs/dead-letters.md"
BOOKS_HELP = {
    "consumed": "Records read and accounted for in the ledger",
    "applied": "Events applied, late and ignored ones among them",
    "duplicate": "Events sent again by the producer and dropped",
    "rejected": "Records that became dead letters. consumed = applied + duplicate + rejected, else numbers are wrong",
    "late": "Applied events behind the watermark by more than the allowed lateness",
    "ignored": "Applied events of an unknown type",
    "clamped": "Applied events whose time lay ahead of the broker's and was set to it",
    "unknown_channel": "Applied events of a channel without configuration",
    "dropped_field": "Events with optional fields that had to be dropped",
    "forgotten": "Remembered event ids dropped at the cap of a conversation; its later duplicates may count",
}


class StageMetrics:
    """The metrics of one stage of a worker process: of the interactions stage, or of another one by its name."""

    def __init__(self, stage: str = "", registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        prefix = f"sichtflug_{stage}" if stage else "sichtflug"
        self._books = {
            name: Gauge(f"{prefix}_{name}_records", text, PARTITION, registry=self.registry)
            for name, text in BOOKS_HELP.items()
        }
        self.rejections = Counter(f"{prefix}_rejections", REJECTED_HELP, ("reason",), registry=self.registry)
        for reason in REASONS:
            self.rejections.labels(reason)
        self.processed_records = Counter(
            f"{prefix}_processed_records",
            "Records folded by this process, rejected ones among them",
            registry=self.registry,
        )
        self.insert_failures = Counter(
            f"{prefix}_insert_failures",
            "Failed inserts into ClickHouse; each is retried",
            registry=self.registry,
        )
        self.lag_records = self._gauge(f"{prefix}_lag_records", "Records in the log that are not folded yet")
        self.lag_seconds = self._gauge(
            f"{prefix}_lag_seconds",
            "Age by broker time of the last record folded, growing until the next; 0 at the end",
        )
        # Broker time, in epoch seconds, of the last record folded in each partition that has consumer lag.
        self._behind_since: dict[str, float] = {}
        self.watermark = self._gauge(f"{prefix}_watermark_timestamp_seconds", "Latest event time folded")
        self.checkpoint = self._gauge(f"{prefix}_checkpoint_timestamp_seconds", "When the last flush was acknowledged")
        self.open_conversations = self._gauge(
            f"{prefix}_open_conversations", "Conversations open, those whose expiry has come unnoticed among them"
        )
        self.cells = self._gauge(
            f"{prefix}_cells", "Combinations of tenant, queue, channel and visibility that a partition counts in"
        )
        self.freshness = Histogram(
            f"{prefix}_freshness_seconds",
            "From the broker's time of the oldest event of a flush until it can be queried",
            buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300),
            registry=self.registry,
        )
        self.flush_seconds = Histogram(
            f"{prefix}_flush_seconds",
            "Duration of a flush, from taking the rows until ClickHouse acknowledged them",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
            registry=self.registry,
        )
        self.flushed_rows = Counter(f"{prefix}_flushed_rows", "Rows written to ClickHouse", registry=self.registry)
        self.partitions = Gauge(f"{prefix}_partitions", "Partitions that this worker has", registry=self.registry)
        self._ticked_at = time.monotonic()

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, PARTITION, registry=self.registry)

    def folded(
        self, partition: int, record_count: int, lag: int, ingested_at: int, watermark: int, open_count: int | None
    ) -> None:
        """Update a partition after a batch. `ingested_at` of its last record and `watermark` are in epoch ms."""
        label = str(partition)
        self.processed_records.inc(record_count)
        if lag:
            self._behind_since[label] = ingested_at / 1000
        self.behind(partition, lag)
        self.watermark.labels(label).set(watermark / 1000)
        if open_count is not None:
            self.open_conversations.labels(label).set(open_count)

    def behind(self, partition: int, lag: int) -> None:
        """Update the consumer lag of a partition, which also changes without batches."""
        label = str(partition)
        self.lag_records.labels(label).set(lag)
        if lag:
            self._behind_since.setdefault(label, time.time())
        else:
            self._behind_since.pop(label, None)

    def _lag_seconds(self, label: str) -> float:
        behind_since = self._behind_since.get(label)
        return 0.0 if behind_since is None else max(0.0, time.time() - behind_since)

    def flushed(self, seconds: float, row_count: int, oldest_ingested_at: int) -> None:
        """Count an acknowledged flush. `oldest_ingested_at` is the broker time of its oldest event in epoch ms."""
        self.flush_seconds.observe(seconds)
        self.flushed_rows.inc(row_count)
        if oldest_ingested_at > 0:
            self.freshness.observe(max(0.0, time.time() - oldest_ingested_at / 1000))

    def restored(self, partition: int, books: Books, watermark: int, open_count: int | None) -> None:
        """Set the metrics of a partition that was just restored from the ledger."""
        label = str(partition)
        # Computed at each scrape, because a hanging fold would not update it.
        self.lag_seconds.labels(label).set_function(partial(self._lag_seconds, label))
        self.watermark.labels(label).set(watermark / 1000)
        if open_count is not None:
            self.open_conversations.labels(label).set(open_count)
        self._show_books(partition, books)

    def committed(self, partition: int, books: Books) -> None:
        """Update a partition's books after an acknowledged flush."""
        self.checkpoint.labels(str(partition)).set(time.time())
        self._show_books(partition, books)

    def _show_books(self, partition: int, books: Books) -> None:
        for name, gauge in self._books.items():
            gauge.labels(str(partition)).set(getattr(books, name))

    def remove(self, partition: int) -> None:
        """Remove the metrics of a partition that this process no longer has."""
        gauges = (
            self.lag_records,
            self.lag_seconds,
            self.watermark,
            self.checkpoint,
            self.open_conversations,
            self.cells,
        )
        for gauge in (*gauges, *self._books.values()):
            with suppress(KeyError):  # not every stage sets every metric
                gauge.remove(str(partition))
        self._behind_since.pop(str(partition), None)

    def tick(self) -> None:
        """Record that the event loop is running."""
        self._ticked_at = time.monotonic()

    def is_live(self) -> bool:
        """Return whether the event loop has run within `LIVE_SECONDS`."""
        return time.monotonic() - self._ticked_at < LIVE_SECONDS


class BrakeMetrics:
    """When the brake last stopped a worker, by the database: a stopped worker can no longer be scraped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.stopped_at = Gauge(
            "sichtflug_brake_timestamp_seconds",
            "When the brake last stopped a worker of this log, 0 if not within a day",
            registry=registry,
        )


class CellMetrics:
    """The limit of cells in the rules, to be compared with `StageMetrics.cells`."""

    def __init__(self, limit: int, registry: CollectorRegistry) -> None:
        gauge = Gauge(
            "sichtflug_cell_limit",
            "Cells of a partition beyond which queues are counted as (other)",
            registry=registry,
        )
        gauge.set(limit)
