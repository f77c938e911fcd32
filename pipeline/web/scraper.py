"""Metrics of a worker on this machine, scraped by the page if there is no Prometheus. Keeps the last hour."""

import logging
import threading
import time
import urllib.request
from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from pipeline.metrics.exposition import read
from pipeline.web.frames import Frame, Series
from pipeline.web.prometheus import series_name
from pipeline.web.promql import ExpressionError, Labels, evaluate
from pipeline.web.queries import QueryError
from pipeline.web.request import PageRequest

logger = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
KEPT_SAMPLES = 720
ANSWER_SECONDS = 3.0
MAX_BYTES = 10_000_000
MAX_POINTS = 1_000


class Scraper:
    """Scrapes `url` between `start` and `stop`, and answers for panels. Thread-safe."""

    def __init__(self, url: str) -> None:
        self._url = url
        # The label that Prometheus adds.
        self._instance = ("instance", urlsplit(url).netloc)
        self._lock = threading.Lock()
        self._history: dict[str, dict[Labels, tuple[list[int], list[float]]]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)
        self._failure = "not scraped yet"

    def start(self) -> None:
        """Begin to scrape."""
        self._thread.start()

    def stop(self) -> None:
        """Stop scraping."""
        self._stopped.set()
        self._thread.join()

    def frame(self, target: Mapping[str, Any], request: PageRequest, minimum_interval: str) -> Frame:
        """Return the series of one PromQL expression, for the scraped part of the range. Raises QueryError."""
        if not self._history:
            raise QueryError(
                f"{self._url}: {self._failure}. Start a worker, or set SICHTFLUG_PROMETHEUS_URL, such as "
                "http://127.0.0.1:9090"
            )
        step_ms = 1000 * max(int(EVERY_SECONDS), request.interval_seconds(""))
        kept_ms = int(1000 * EVERY_SECONDS * KEPT_SAMPLES)
        last_ms = min(request.to_ms, time.time_ns() // 1_000_000)
        # Backwards from the end, so that the newest sample is drawn whatever the step.
        times = list(islice(range(last_ms, max(request.from_ms, last_ms - kept_ms), -step_ms), MAX_POINTS))[::-1]
        try:
            with self._lock:
                vectors = [evaluate(target["expr"], self._history, at_ms) for at_ms in times]
        except ExpressionError as error:
            raise QueryError(str(error)) from error
        legend = target.get("legendFormat", "")
        names = {labels: series_name(dict(labels), legend) for vector in vectors for labels in vector}
        series = [Series(name, [vector.get(labels) for vector in vectors]) for labels, name in names.items()]
        return Frame(times=times, series=series)

    def take(self) -> None:
        """Scrape once. Raises OSError and ValueError."""
        with urllib.request.urlopen(self._url, timeout=ANSWER_SECONDS) as answer:
            text = answer.read(MAX_BYTES).decode()
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            for name, own, value in read(text):
                labels = tuple(sorted((*own, self._instance)))
                instants, values = self._history.setdefault(name, {}).setdefault(labels, ([], []))
                instants.append(now_ms)
                values.append(value)
                del instants[:-KEPT_SAMPLES], values[:-KEPT_SAMPLES]

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.take()
            except (OSError, ValueError) as error:
                self._failure = f"does not answer: {error}"
                logger.debug("%s: %s", self._url, error)
            self._stopped.wait(EVERY_SECONDS)
