"""Panels on metrics read Prometheus, or the workers themselves where there is none."""

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.metrics.server import Server
from pipeline.metrics.stage import StageMetrics
from pipeline.web.request import read_request
from pipeline.web.scraper import Scraper
from tests.support.places import PANELS
from tests.support.web.page import served
from tests.support.web.small_dashboards import write_dashboard


@contextlib.contextmanager
def prometheus(status: int, answer: object) -> Iterator[tuple[str, list[str]]]:
    """Serve answers like Prometheus's, recording the requests."""
    paths = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", paths
        server.shutdown()
        thread.join()


def test_prometheus_receives_the_panels_own_expression(
    clickhouse: EmbeddedClickHouse, database: ClickHouse, tmp_path: Path
) -> None:
    write_dashboard(tmp_path / "boards", "small", PANELS)
    result = [
        {"metric": {"partition": "0"}, "values": [[1000, "1.5"], [1060, "NaN"]]},
        {"metric": {"partition": "1"}, "values": [[1060, "2"]]},
    ]
    with (
        prometheus(200, {"status": "success", "data": {"resultType": "matrix", "result": result}}) as (url, paths),
        served(clickhouse.url, database.database, tmp_path / "boards", prometheus_url=url) as page,
    ):
        found = page.panel("small", 9, {"from": "1000000", "to": "4600000"}).json
    [frame] = found["frames"]
    assert frame["times"] == [1_000_000, 1_060_000]
    assert frame["series"] == [{"name": "0", "values": [1.5, None]}, {"name": "1", "values": [None, 2.0]}]
    assert found["watermark"] is None
    assert paths == ["/api/v1/query_range?query=rate%28x%5B60s%5D%29&start=1000.000&end=4600.000&step=15"]


def test_an_error_of_prometheus_is_shown_on_the_panel(
    clickhouse: EmbeddedClickHouse, database: ClickHouse, tmp_path: Path
) -> None:
    write_dashboard(tmp_path / "boards", "small", PANELS)
    with (
        prometheus(400, {"status": "error", "error": "parse error"}) as (url, _),
        served(clickhouse.url, database.database, tmp_path / "boards", prometheus_url=url) as page,
    ):
        assert page.panel("small", 9).error == "Prometheus: parse error"
    with served(clickhouse.url, database.database, tmp_path / "boards", prometheus_url="http://127.0.0.1:1") as page:
        assert "does not answer" in page.panel("small", 9).error


def test_samples_are_read_from_a_real_endpoint() -> None:
    metrics = StageMetrics()
    server = Server(metrics, lambda: "", "127.0.0.1", 0)
    server.start()
    samples = Scraper(f"http://127.0.0.1:{server.port}/metrics")
    metrics.partitions.set(3)
    samples.take()
    metrics.flushed_rows.inc(500)
    time.sleep(0.2)
    samples.take()
    server.stop()
    now_ms = time.time_ns() // 1_000_000 + 6_000
    request = read_request(f"from={now_ms - 10_000}&to={now_ms}&width=800", now_ms)
    by_instance = {"expr": "sichtflug_partitions", "legendFormat": "{{instance}}"}
    [partitions] = samples.frame(by_instance, request, "").series or []
    assert partitions.name == f"127.0.0.1:{server.port}"
    assert partitions.values[-1] == 3.0
    [rows] = samples.frame({"expr": "sum(rate(sichtflug_flushed_rows_total[5m]))"}, request, "").series or []
    # 500 rows in a little over 0.2 s.
    assert 500 / 60 < (rows.values[-1] or 0) <= 2_500
