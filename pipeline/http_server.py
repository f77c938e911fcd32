"""The common part of the project's HTTP servers: protection from foreign web pages, and a limit of connections.

A browser sends requests of any web page to loopback. A foreign name in `Host` would let such a page read answers (DNS
rebinding); `Origin` and `Sec-Fetch-Site` reveal where a request comes from.
"""

import ipaddress
import logging
import resource
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60
MAX_CONNECTIONS = 256
JSON = "application/json; charset=utf-8"


class Answer(NamedTuple):
    """The status, content type and body of an answer."""

    status: HTTPStatus
    content_type: str
    body: bytes


def own_names(host: str) -> frozenset[str]:
    """Return the names of a server that listens on `host`. Its addresses are accepted in any case."""
    return frozenset({"localhost", host, socket.gethostname()})


def is_own_name(host: str, names: frozenset[str]) -> bool:
    """Return whether a Host header is an IP address, which DNS rebinding cannot fake, or one of `names`."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower() in {known.lower() for known in names}
    return True


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Return whether a page of another origin sent the request. Programs and the address bar send no such header."""
    if headers.get("Sec-Fetch-Site", "none").lower() not in ("none", "same-origin"):
        return True
    origin = headers.get("Origin")
    return origin is not None and origin.partition("://")[2].lower() != headers.get("Host", "").lower()


def most_connections() -> int:
    """Return the maximum of open connections: `MAX_CONNECTIONS`, or a quarter of the limit of open files."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_CONNECTIONS if files < 0 else max(8, min(MAX_CONNECTIONS, files // 4))


class WebServer:
    """A server for GET and HEAD, in threads. `answer` receives path and query.

    At most `most_connections()` at a time: beyond, the oldest is closed, so that idle ones do not block new ones.
    Raises OSError if it cannot listen on the address.
    """

    def __init__(
        self, name: str, host: str, port: int, answer: Callable[[str], Answer], headers: Mapping[str, str] | None = None
    ) -> None:
        self._server = _Server((host, port), name, answer, headers or {})
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], name: str, answer: Callable[[str], Answer], headers: Mapping[str, str]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.name = name
        self.answer = answer
        self.headers = headers
        self.names = own_names(address[0])
        self._most = most_connections()
        self._open: OrderedDict[int, socket.socket] = OrderedDict()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Instead of HTTPServer's, which looks up its own name in the DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[id(request)] = request
            oldest = self._open.popitem(last=False)[1] if len(self._open) > self._most else None
            if oldest is not None:
                _end(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("%s: a request from %s ended early", self.name, client_address, exc_info=True)


def _end(connection: socket.socket) -> None:
    """Shut down a connection, so that the thread reading from it sees the end and closes it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("a connection had ended by itself")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sichtflug"
    sys_version = ""
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        if not is_own_name(self.headers.get("Host", ""), self.server.names):
            problem = b'{"error":"Host: not a name of this server"}'
            return self._send(Answer(HTTPStatus.MISDIRECTED_REQUEST, JSON, problem))
        try:
            answer = self.server.answer(self.path)
        except Exception:
            logger.exception("%s: %s", self.server.name, self.path[:500])
            problem = b'{"error":"an error of the server itself; see its log"}'
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, JSON, problem)
        return self._send(answer)

    do_HEAD = do_GET  # noqa: N815  (the names are http.server's)

    def _refuse(self) -> None:
        self.close_connection = True
        self._send(Answer(HTTPStatus.METHOD_NOT_ALLOWED, JSON, b'{"error":"expected GET"}'))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = _refuse  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in self.server.headers.items():
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
        """Log nothing: probes and open pages send requests every few seconds."""
