"""Queries of the page to Prometheus: a panel's PromQL over a range, as a time series."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.credentials import without_credentials
from pipeline.web.frames import Frame, Series
from pipeline.web.queries import QueryError
from pipeline.web.request import PageRequest

ANSWER_SECONDS = 15.0
STEP_SECONDS = 15
MAX_POINTS = 5_000
MAX_BYTES = 50_000_000


class Prometheus:
    """A Prometheus server, or none if the URL is empty. Thread-safe."""

    def __init__(self, url: str) -> None:
        self._shown = without_credentials(url) if url else ""
        parts = urllib.parse.urlsplit(url.rstrip("/"))
        self._url = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        user, password = urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")
        secret = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"} if user or password else {}

    def frame(self, target: Mapping[str, Any], request: PageRequest, minimum_interval: str) -> Frame:
        """Return the series of one PromQL expression. Raises QueryError."""
        if not self._url:
            raise QueryError("shows what Prometheus knows: set SICHTFLUG_PROMETHEUS_URL, such as http://127.0.0.1:9090")
        range_seconds = (request.to_ms - request.from_ms) / 1000
        step = max(STEP_SECONDS, request.interval_seconds(minimum_interval), int(range_seconds / MAX_POINTS) + 1)
        answer = self._query(
            query=_expanded(target["expr"], step, range_seconds),
            start=f"{request.from_ms / 1000:.3f}",
            end=f"{request.to_ms / 1000:.3f}",
            step=str(step),
        )
        return read_matrix(answer["data"]["result"], target.get("legendFormat", ""))

    def _query(self, **parameters: str) -> Any:
        url = f"{self._url}/api/v1/query_range?{urllib.parse.urlencode(parameters)}"
        try:
            request = urllib.request.Request(url, headers=self._headers)
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                return json.loads(answer.read(MAX_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                raise QueryError(f"Prometheus: {_error_text(error.read(10_000)) or error.reason}") from error
        except (OSError, ValueError) as error:
            raise QueryError(f"Prometheus at {self._shown} does not answer: {error}") from error


def read_matrix(result: Sequence[Mapping[str, Any]], legend: str) -> Frame:
    """Return a matrix of Prometheus as one frame, over the union of its series' instants."""
    times = sorted({round(float(instant) * 1000) for row in result for instant, _ in row["values"]})
    place = {instant: at for at, instant in enumerate(times)}
    series = []
    for row in result:
        values: list[float | None] = [None] * len(times)
        for instant, text in row["values"]:
            value = float(text)
            values[place[round(float(instant) * 1000)]] = value if abs(value) < float("inf") else None
        series.append(Series(series_name(row["metric"], legend), values))
    return Frame(times=times, series=series)


def series_name(labels: Mapping[str, str], legend: str) -> str:
    """Return a series name like Grafana: from the panel's legend, or else from the labels."""
    if not legend or legend == "__auto":
        return ", ".join(f"{name}={value}" for name, value in labels.items() if name != "__name__") or "value"
    for name, value in labels.items():
        legend = legend.replace("{{" + name + "}}", value).replace("{{ " + name + " }}", value)
    return legend


def _expanded(expression: str, step: int, range_seconds: float) -> str:
    expression = expression.replace("$__rate_interval", f"{max(4 * STEP_SECONDS, step + STEP_SECONDS)}s")
    return expression.replace("$__range", f"{range_seconds:.0f}s").replace("$__interval", f"{step}s")


def _error_text(body: bytes) -> str:
    try:
        return str(json.loads(body).get("error", ""))
    except (ValueError, AttributeError):
        return ""
