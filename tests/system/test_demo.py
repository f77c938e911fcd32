"""The demo ends by itself, continues from its data, and its page shows its own metrics."""

import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.system import wait_for
from tests.support.web.page import Page


def test_the_demo_ends_by_itself_and_continues_from_its_data(tmp_path: Path) -> None:
    def demo() -> str:
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "demo", "--seconds", "8", "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    first, second = demo(), demo()
    for output in (first, second):
        assert "balances" in output
        assert "Last hour by channel" in output
    with EmbeddedClickHouse(tmp_path / "clickhouse") as clickhouse:
        client = ClickHouse(clickhouse.url, "sichtflug")
        assert client.rows("SELECT count() > 0, uniqExact(epoch) FROM checkpoints WHERE consumed_count > 0") == [
            (True, 2)
        ]
        balance = client.rows(
            "SELECT (SELECT sum(open_count) FROM backlog_age), (SELECT count() FROM conversations WHERE state = 'open')"
        )
        client.close()
    assert balance[0][0] == balance[0][1] > 0


def test_the_page_of_a_demo_reads_the_metrics_of_its_worker(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "pipeline.cli", "demo", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        name, url = demo.stdout.readline().split()
        assert name == "dashboards"
        page = Page(urllib.parse.urlsplit(url).port or 0)
        pipeline = page.get("/api/dashboards/sichtflug-pipeline").json
        lag = next(panel["id"] for panel in pipeline["panels"] if panel["title"] == "Consumer lag")
        try:
            wait_for(lambda: bool(_series(page, lag)), 60, lambda: page.panel("sichtflug-pipeline", lag).body.decode())
        finally:
            demo.terminate()
            demo.communicate(timeout=60)
    assert demo.returncode == 0


def _series(page: Page, number: int) -> Any:
    found = page.panel("sichtflug-pipeline", number)
    return found.status == 200 and found.json["frames"][0]["series"]
