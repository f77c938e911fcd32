"""The page over HTTP: GET only, headers that keep a browser from harm, and no names but its own.

It asks for no password, so it listens on loopback unless told otherwise; whoever opens it to others puts a proxy with
one in front.
"""

import ipaddress
import logging
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from pipeline.page_dashboards import Dashboards, default_directory
from pipeline.page_panels import Panels
from pipeline.page_prometheus import Prometheus
from pipeline.page_queries import Queries
from pipeline.page_routes import JSON, Answer, Routes, error_answer
from pipeline.page_samples import Samples
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PagePortError(Exception):
    """The port for the page cannot be had."""


class PageServer:
    """Serves the page of one database. As a context manager it answers inside the block."""

    def __init__(self, settings: Settings, directory: Path | None = None) -> None:
        """Reads the dashboards, those of this version unless a directory is given. Raises DashboardError,
        PagePortError."""
        dashboards = Dashboards(directory or default_directory())
        self._queries = Queries(settings.clickhouse_url, settings.clickhouse_database)
        self._samples = None if settings.prometheus_url else _samples(settings)
        measurements = self._samples or Prometheus(settings.prometheus_url)
        routes = Routes(dashboards, Panels(self._queries, measurements))
        host, port = settings.page_host, settings.page_port
        try:
            self._server = _Server((host, port), routes, frozenset({"localhost", host, socket.gethostname()}))
        except OSError as error:
            raise PagePortError(
                f"SICHTFLUG_PAGE_PORT={port}: cannot listen on {host}:{port}: {error.strerror}; choose another port, "
                "0 for a free one"
            ) from error
        self.port: int = self._server.server_address[1]
        self.url = f"{_origin(host, self.port)}/"
        self._thread = threading.Thread(target=self._server.serve_forever, name="page", daemon=True)

    def __enter__(self) -> Self:
        if self._samples:
            self._samples.start()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._queries.close()
        if self._samples:
            self._samples.stop()


def _samples(settings: Settings) -> Samples | None:
    """Of the worker of these settings, where its port is known."""
    if settings.metrics_port <= 0:
        return None
    host = "127.0.0.1" if settings.metrics_host in ("0.0.0.0", "::") else settings.metrics_host
    return Samples(f"{_origin(host, settings.metrics_port)}/metrics")


def _origin(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], routes: Routes, names: frozenset[str]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.routes = routes
        self.names = names
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which looks its own name up in the DNS.
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("page: a request from %s ended early", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sichtflug"
    sys_version = ""
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        if not is_own_name(self.headers.get("Host", ""), self.server.names):
            # A foreign name that points here is how a foreign page would read the numbers (DNS rebinding).
            return self._send(error_answer(HTTPStatus.MISDIRECTED_REQUEST, ValueError("Host: not a name of this page")))
        try:
            answer = self.server.routes.answer(self.path)
        except Exception:
            logger.exception("page: %s", self.path[:500])
            answer = error_answer(
                HTTPStatus.INTERNAL_SERVER_ERROR, ValueError("an error of the page itself; see its log")
            )
        return self._send(answer)

    do_HEAD = do_GET  # noqa: N815  (the names are http.server's)

    def _refuse(self) -> None:
        self.close_connection = True
        self._send(Answer(HTTPStatus.METHOD_NOT_ALLOWED, JSON, b'{"error":"expected GET"}'))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
            self.send_header("Connection", "close")
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Each open page asks for a dozen panels every half a minute; that is no news."""


def is_own_name(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header names this page: by an address, which no foreign name can be, or by one of `names`."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower() in {known.lower() for known in names}
    return True
