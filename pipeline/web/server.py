"""The page over HTTP: GET only, headers that keep a browser from harm, and no names but its own.

It asks for no password, so it listens on loopback unless told otherwise; whoever opens it to others puts a proxy with
one in front.
"""

from pathlib import Path
from typing import Self

from pipeline.errors import PortError
from pipeline.http_server import WebServer
from pipeline.settings import Settings
from pipeline.web.dashboards import Dashboards, default_directory
from pipeline.web.panels import Panels
from pipeline.web.prometheus import Prometheus
from pipeline.web.queries import Queries
from pipeline.web.routes import Routes
from pipeline.web.scraper import Samples

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


class PageServer:
    """Serves the page of one database. As a context manager it answers inside the block."""

    def __init__(self, settings: Settings, directory: Path | None = None) -> None:
        """Reads the dashboards, those of this version unless a directory is given. Raises DashboardError,
        PortError."""
        dashboards = Dashboards(directory or default_directory())
        self._queries = Queries(settings.clickhouse_url, settings.clickhouse_database)
        self._samples = None if settings.prometheus_url else _samples(settings)
        measurements = self._samples or Prometheus(settings.prometheus_url)
        routes = Routes(dashboards, Panels(self._queries, measurements))
        host, port = settings.page_host, settings.page_port
        try:
            self._server = WebServer("page", host, port, routes.answer, HEADERS)
        except OSError as error:
            raise PortError(
                f"SICHTFLUG_PAGE_PORT={port}: cannot listen on {host}:{port}: {error.strerror}; choose another port, "
                "0 for a free one"
            ) from error
        self.port = self._server.port
        self.url = f"{_origin(host, self.port)}/"

    def __enter__(self) -> Self:
        if self._samples:
            self._samples.start()
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop()
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
