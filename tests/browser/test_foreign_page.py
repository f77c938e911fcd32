"""A page of another origin, in a real browser, cannot reach the embedded ClickHouse."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import ask
from tests.support.web.browser import opened


@pytest.fixture
def front(tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    with EmbeddedClickHouse(tmp_path / "data", log_directory=tmp_path) as running:
        yield running


async def visit(url: str, directory: Path) -> None:
    async with opened(url, directory) as tab:
        await tab.wait("document.title == 'tried'")


def test_a_page_of_another_origin_cannot_reach_clickhouse(front: EmbeddedClickHouse, tmp_path: Path) -> None:
    """A browser on a foreign page that knows the password tries with an image, a form and a script."""
    tried = urlencode({"query": "CREATE DATABASE by_image", "password": front.password})
    target = f"{front.address}/?{urlencode({'password': front.password})}"
    page = f"""<!doctype html><title>trying</title><img src="{front.address}/?{tried}">
        <form id=f method=post enctype="text/plain" action="{target}" target=frame>
        <input name="CREATE DATABASE by_form /*" value="*/"></form><iframe name=frame></iframe><script>
        document.getElementById("f").submit();
        fetch("{target}", {{method: "POST", mode: "no-cors", body: "CREATE DATABASE by_script"}})
            .finally(() => setTimeout(() => document.title = "tried", 500));
        </script>""".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as foreign:
        threading.Thread(target=foreign.serve_forever, daemon=True).start()
        asyncio.run(visit(f"http://127.0.0.1:{foreign.server_port}/", tmp_path))
        foreign.shutdown()
    assert "by_" not in ask(front, "SHOW DATABASES")
