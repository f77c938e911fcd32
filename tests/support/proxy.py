"""A proxy before ClickHouse that injects faults: it refuses or truncates requests, loses or delays answers, or fails.

It also knows when a worker is inside a flush, and can hold the next commit just before or just after it is done.
"""

import http.client
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Literal, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

#: Transient errors of ClickHouse: out of memory, too many parts, state of the insert unknown.
TRANSIENT_ERRORS = {241: "MEMORY_LIMIT_EXCEEDED", 252: "TOO_MANY_PARTS", 319: "UNKNOWN_STATUS_OF_INSERT"}
KINDS = ("refused", "body cut", "answer lost", "slow", *TRANSIENT_ERRORS.values())
LONGEST_HOLD_SECONDS = 60.0

Point = Literal["before the commit", "after the commit"]
POINTS: tuple[Point, ...] = ("before the commit", "after the commit")


class Insert(NamedTuple):
    """An insert of a flush, identified by its deduplication token: all inserts of a flush share one."""

    table: str
    token: str

    @property
    def is_commit(self) -> bool:
        return self.table == "ledger"


class Hold:
    """A hold on the next insert into the ledger, at a given point, until it is released."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self._reached, self._released = threading.Event(), threading.Event()
        self._is_dropped = False

    def wait(self, seconds: float) -> bool:
        """Wait until an insert is held; return whether one is."""
        return self._reached.wait(seconds)

    def release(self) -> None:
        """Let the insert continue; it need not be held yet."""
        self._released.set()

    def drop(self) -> None:
        """Drop the insert: the connection ends."""
        self._is_dropped = True
        self._released.set()

    def pass_by(self) -> bool:
        """Block the request until the release, and return whether it continues."""
        self._reached.set()
        self._released.wait(LONGEST_HOLD_SECONDS)
        return not self._is_dropped


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A killed client leaves its connection behind: closing must not wait for it, and its end is not an error.
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class FaultyProxy:
    """A proxy that forwards HTTP to `url` and breaks a share of the requests, in an order that the seed decides."""

    def __init__(
        self, url: str, seed: int, share: float, slow_seconds: float = 0.0, kinds: Sequence[str] = KINDS
    ) -> None:
        self.share = share
        self._kinds = kinds
        self.faults: Counter[str] = Counter()
        self._target = urlsplit(url)
        self._slow_seconds = slow_seconds
        self._chance = Random(seed)
        self._lock = threading.Lock()
        #: Tokens of the flushes that have begun to insert and do not know yet that they are committed.
        self._flushes: set[str] = set()
        self._has_flushed = False
        self._hold: Hold | None = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.handle(self, body)

            do_GET = do_POST  # noqa: N815  (the names are the library's)

            def log_message(self, format: str, *arguments: object) -> None:
                """Log nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        credentials = self._target.netloc.rpartition("@")[0]
        return f"http://{credentials}{'@' if credentials else ''}127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    # ---- what a flush is doing

    def is_inside_flush(self) -> bool:
        """Return whether a flush has begun to insert and does not know yet that it is committed."""
        with self._lock:
            return bool(self._flushes)

    def has_flushed(self) -> bool:
        """Return whether the worker has begun a flush at all."""
        return self._has_flushed

    def forget_flushes(self) -> None:
        """Reset for a new worker behind this proxy."""
        with self._lock:
            self._flushes.clear()
            self._has_flushed = False

    def hold(self, point: Point) -> Hold:
        """Hold the next insert into the ledger at that point. One at a time."""
        self._hold = Hold(point)
        return self._hold

    def _pass_by(self, insert: Insert | None, point: Point) -> bool:
        with self._lock:
            hold = self._hold
            if hold is None or insert is None or not insert.is_commit or hold.point != point:
                return True
            self._hold = None
        return hold.pass_by()

    # ---- requests

    def handle(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        insert = _insert(request.path, body)
        if insert:
            with self._lock:
                self._flushes.add(insert.token)
                self._has_flushed = True
        if not self._pass_by(insert, "before the commit"):
            request.close_connection = True
            return
        fault = self._fault(insert)
        if fault == "refused":
            request.close_connection = True
            return
        if fault == "slow":
            time.sleep(self._slow_seconds)
        for code, name in TRANSIENT_ERRORS.items():
            # If the state of an insert is unknown, it may or may not have been done.
            if fault == name and (code != 319 or self._chance.random() < 0.5):
                self._answer(
                    request, 500, {"X-ClickHouse-Exception-Code": str(code)}, f"Code: {code}. ({name})".encode()
                )
                return
        if fault == "body cut":
            body = self._cut(body)
        status, headers, answer = self._forward(request, body)
        if not self._pass_by(insert, "after the commit") or fault == "answer lost":
            request.close_connection = True
        elif fault == TRANSIENT_ERRORS[319]:
            self._answer(request, 500, {"X-ClickHouse-Exception-Code": "319"}, b"Code: 319. (UNKNOWN_STATUS_OF_INSERT)")
        else:
            if insert and insert.is_commit and status == 200:
                with self._lock:
                    self._flushes.discard(insert.token)
            self._answer(request, status, headers, answer)

    def _fault(self, insert: Insert | None) -> str:
        with self._lock:
            if self._chance.random() >= self.share:
                return ""
            fault = self._chance.choice(self._kinds)
            if fault == "body cut" and insert is None:
                return ""
            self.faults[fault] += 1
            return fault

    def _cut(self, body: bytes) -> bytes:
        """Return a part of an insert's block, half the time nothing: ClickHouse takes that for an insert of no rows."""
        statement_size = body.index(b"\n") + 1
        is_whole_block = self._chance.random() < 0.5
        return body[: statement_size if is_whole_block else self._chance.randint(statement_size, len(body) - 1)]

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=60)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
            connection.request(request.command, request.path, body, headers)
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
        request.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


def _insert(path: str, body: bytes) -> Insert | None:
    """Return the insert that a request is; None for any other request."""
    token = parse_qs(urlsplit(path).query).get("insert_deduplication_token")
    words = body[:200].decode(errors="replace").split(maxsplit=3)
    if not token or words[:2] != ["INSERT", "INTO"]:
        return None
    return Insert(words[2].strip("`"), token[0])
