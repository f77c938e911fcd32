"""The worker's metrics, liveness and readiness over HTTP.

The server runs in threads of its own, so it answers while the event loop is busy; that is how liveness can tell that
the loop hangs.
"""

from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import generate_latest

from pipeline.errors import PortError
from pipeline.http_server import Answer, WebServer
from pipeline.metrics.stage import StageMetrics

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


class Server:
    """Serves /metrics, /livez and /readyz. `readiness` returns why the worker is not ready, '' if it is."""

    def __init__(self, metrics: StageMetrics, readiness: Callable[[], str], host: str, port: int) -> None:
        self._metrics = metrics
        self._readiness = readiness
        try:
            self._server = WebServer("metrics", host, port, self._answer)
        except OSError as error:
            raise PortError(
                f"SICHTFLUG_METRICS_PORT={port}: cannot listen on {host}:{port}: {error.strerror}; choose another port "
                "for every worker of this machine, 0 for a free one, -1 for none"
            ) from error
        self.port = self._server.port

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.stop()

    def _answer(self, target: str) -> Answer:
        path = target.partition("?")[0]
        if path == "/metrics":
            return Answer(HTTPStatus.OK, EXPOSITION, generate_latest(self._metrics.registry))
        if path == "/livez":
            problem = "" if self._metrics.is_live() else "the event loop has not run lately"
        elif path == "/readyz":
            problem = self._readiness()
        else:
            return Answer(HTTPStatus.NOT_FOUND, TEXT, b"expected /metrics, /livez or /readyz\n")
        status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
        return Answer(status, TEXT, f"{problem or 'ok'}\n".encode())
