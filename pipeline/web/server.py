"""The page over HTTP: GET only, with protective headers, and only under its own names.

It requires no password, so it listens on loopback by default. To open it to others, put an authenticating proxy in
front.
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
from pipeline.web.scraper import Scraper

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
    """A server of the page for one database, as a context manager."""

    def __init__(self, settings: Settings, directory: Path | None = None) -> None:
        """Read the dashboards, by default those of this version. Raises DashboardError and PortError."""
        dashboards = Dashboards(directory or default_directory())
        self._queries = Queries(settings.clickhouse_url, settings.clickhouse_database)
        self._scraper = None if settings.prometheus_url else _scraper(settings)
        metrics = self._scraper or Prometheus(settings.prometheus_url)
        routes = Routes(dashboards, Panels(self._queries, metrics))
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
        if self._scraper:
            self._scraper.start()
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop()
        self._queries.close()
        if self._scraper:
            self._scraper.stop()


def _scraper(settings: Settings) -> Scraper | None:
    """Return a scraper for the worker with these settings; None if its port is unknown."""
    if settings.metrics_port <= 0:
        return None
    host = "127.0.0.1" if settings.metrics_host in ("0.0.0.0", "::") else settings.metrics_host
    return Scraper(f"{_origin(host, settings.metrics_port)}/metrics")


def _origin(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
