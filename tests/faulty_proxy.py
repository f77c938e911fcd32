"""A proxy before ClickHouse that breaks some requests: refuses, loses the answer, is slow, answers with an error."""

import http.client
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

#: Errors of ClickHouse that pass: out of memory, too many parts, state of the insert unknown.
PASSING_ERRORS = {241: "MEMORY_LIMIT_EXCEEDED", 252: "TOO_MANY_PARTS", 319: "UNKNOWN_STATUS_OF_INSERT"}
KINDS = ("refused", "answer lost", "slow", *PASSING_ERRORS.values())


class FaultyProxy:
    """Forwards HTTP to `url`; of the requests a share goes wrong, in an order that the seed decides."""

    def __init__(self, url: str, seed: int, share: float, slow_seconds: float) -> None:
        self.share = share
        self.faults: Counter[str] = Counter()
        self._target = urlsplit(url)
        self._slow_seconds = slow_seconds
        self._chance = Random(seed)
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.handle(self, body)

            do_GET = do_POST  # noqa: N815  (the names are the library's)

            def log_message(self, format: str, *arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        fault = self._fault()
        if fault == "refused":
            request.close_connection = True
            return
        if fault == "slow":
            time.sleep(self._slow_seconds)
        for code, name in PASSING_ERRORS.items():
            # Of an insert whose state is unknown nobody knows whether it was done.
            if fault == name and (code != 319 or self._chance.random() < 0.5):
                self._answer(
                    request, 500, {"X-ClickHouse-Exception-Code": str(code)}, f"Code: {code}. ({name})".encode()
                )
                return
        status, headers, answer = self._forward(request, body)
        if fault == "answer lost":
            request.close_connection = True
        elif fault == PASSING_ERRORS[319]:
            self._answer(request, 500, {"X-ClickHouse-Exception-Code": "319"}, b"Code: 319. (UNKNOWN_STATUS_OF_INSERT)")
        else:
            self._answer(request, status, headers, answer)

    def _fault(self) -> str:
        with self._lock:
            if self._chance.random() >= self.share:
                return ""
            fault = self._chance.choice(KINDS)
            self.faults[fault] += 1
            return fault

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=60)
        try:
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in ("transfer-encoding", "connection")
        }
        return answer.status, kept, content

    @staticmethod
    def _answer(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        try:
            request.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            request.close_connection = True
