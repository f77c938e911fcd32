"""The metrics and page servers cannot be blocked by a client, and answer only to their own host names."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from pipeline import http_server as web_server
from pipeline.http_server import Answer, WebServer, is_cross_site, is_own_name
from pipeline.metrics.server import Server
from pipeline.metrics.stage import StageMetrics

SENT = (b"", b"GET /metrics HT", b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"POST /livez HTTP/1.1\r\n")


@pytest.fixture
def metrics() -> Iterator[int]:
    server = Server(StageMetrics(), lambda: "", "127.0.0.1", 0)
    server.start()
    yield server.port
    server.stop()


def fetch(port: int, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("count", [1, 200, web_server.MAX_CONNECTIONS + 50])
def test_idle_and_incomplete_requests_do_not_delay_a_probe(metrics: int, sent: bytes, count: int) -> None:
    with ExitStack() as idle:
        for _ in range(count):
            idle.enter_context(socket.create_connection(("127.0.0.1", metrics), timeout=5)).sendall(sent)
        begun = time.monotonic()
        for path in ("/livez", "/readyz", "/metrics"):
            assert fetch(metrics, path)[0] == 200
        assert time.monotonic() - begun < 3


def test_few_open_files_suffice(tmp_path: Path) -> None:
    program = """if True:
        import resource, sys, time
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        from pipeline.metrics.server import Server
        from pipeline.metrics.stage import StageMetrics
        server = Server(StageMetrics(), lambda: "", "127.0.0.1", 0)
        server.start()
        print(server.port, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process, ExitStack() as idle:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for _ in range(100):
            idle.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)).sendall(SENT[2])
        assert fetch(port, "/livez") == (200, b"ok\n")
        before = cpu_seconds(process.pid)
        time.sleep(1)
        assert cpu_seconds(process.pid) - before < 0.3
        process.kill()


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_the_metrics_are_read_only(metrics: int, method: str) -> None:
    assert fetch(metrics, "/metrics", method)[0] == 405
    assert fetch(metrics, "/metrics", "HEAD") == (200, b"")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_reads_no_metrics(metrics: int, host: str) -> None:
    assert fetch(metrics, "/metrics", host=host)[0] == 421


def test_a_server_can_restart_on_its_port_at_once() -> None:
    """Connections that it closed itself are still lingering then."""

    def serve(port: int) -> WebServer:
        server = WebServer(
            "test", "127.0.0.1", port, lambda target: Answer(HTTPStatus.OK, "text/plain", target.encode())
        )
        server.start()
        return server

    server = serve(0)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while connection.recv(4096):
            pass  # until the server has closed it, and waits for stray packets
        server.stop()
        again = serve(server.port)
    assert fetch(again.port, "/a?b") == (200, b"/a?b")
    again.stop()


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("localhost:80", True), ("LOCALHOST", True), ("[::1]:80", True), ("10.0.0.1", True), ("db", False), ("", False)],
)
def test_names(host: str, is_own: bool) -> None:
    assert is_own_name(host, frozenset({"localhost"})) == is_own


@pytest.mark.parametrize(
    ("headers", "is_foreign"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://a:1", "Host": "a:1"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "anything new"}, True),
        ({"Origin": "http://a:2", "Host": "a:1"}, True),
        ({"Origin": "null", "Host": "a:1"}, True),
    ],
)
def test_senders(headers: dict[str, str], is_foreign: bool) -> None:
    assert is_cross_site(headers) == is_foreign
