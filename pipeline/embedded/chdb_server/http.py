"""ClickHouse's HTTP interface: requests to the engine, answers and errors, start and stop of the server."""

import asyncio
import hmac
import json
import signal
import struct
import uuid
from collections.abc import Mapping

from aiohttp import web

from pipeline.embedded.chdb_server.compression import as_blocks
from pipeline.embedded.chdb_server.connections import Connections
from pipeline.embedded.chdb_server.encoding import EncodingError, encoded
from pipeline.embedded.chdb_server.engine import Engine
from pipeline.embedded.chdb_server.exchange import Answer, EngineError, Request
from pipeline.embedded.chdb_server.request import credentials, printable, read_request, whole_body
from pipeline.embedded.chdb_server.statement import StatementError
from pipeline.http_server import is_cross_site, is_own_name, most_connections, own_names

MAX_BODY_BYTES = 1 << 30
#: Of the request line and of each header, like a ClickHouse server (`http_max_uri_size`).
MAX_LINE_BYTES = 1 << 20
#: Connections that the kernel queues and passes on together.
BACKLOG = 128
#: At the stop, how long running requests may take; aiohttp waits twice as long for a slow sender.
ANSWER_SECONDS = 2.0

_STATUS = {
    46: 404, 47: 404, 50: 404, 60: 404, 73: 404, 81: 404, 115: 404,
    6: 400, 25: 400, 26: 400, 27: 400, 33: 400, 36: 400, 41: 400, 43: 400, 53: 400, 62: 400, 72: 400, 117: 400,
    407: 400, 452: 400, 456: 400, 457: 400, 636: 400,
    48: 501, 159: 408, 160: 408, 516: 401, 497: 403, 202: 503, 236: 503, 394: 503,
}  # fmt: skip

_HANDSHAKE = b"select displayname(), version(), revision(), timezone()"
#: From this revision on, Native includes block info and a serialization flag per column, which the engine never writes.
_HANDSHAKE_REVISION = 54454


class ChdbServer:
    """The HTTP handlers. Requests need `password`, for any user, and one of `names` in their Host header."""

    def __init__(self, engine: Engine, password: str, names: frozenset[str]) -> None:
        self._engine = engine
        self._password = password
        self._names = names
        self.connections = Connections(most_connections())

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_get("/ping", self._ping)
        application.router.add_route("*", "/", self._answer)
        return application

    async def _ping(self, request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n", content_type="text/html")

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {"X-ClickHouse-Server-Display-Name": self._engine.display_name}
        try:
            headers["X-ClickHouse-Query-Id"] = printable(request, "query_id") or str(uuid.uuid4())
            headers["X-ClickHouse-Timezone"] = printable(request, "session_timezone") or self._engine.timezone
            self._check_sender(request)
            self._check_password(request)
            with self.connections.at_work(request):
                body = await whole_body(request)
                return await self._run(request, body, headers)
        except EngineError as error:
            code, text = error.code, str(error)
        except StatementError as error:
            code, text = error.code, f"Code: {error.code}. DB::Exception: {error}"
        except EncodingError as error:
            code, text = 354, f"Code: 354. DB::Exception: {error}"
        headers["X-ClickHouse-Exception-Code"] = str(code)
        status = _STATUS.get(code, 500)
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        headers["Content-Type"] = "text/plain; charset=utf-8"
        return web.Response(status=status, body=f"{text}\n".encode(errors="replace"), headers=headers)

    async def _run(self, http: web.Request, body: bytes, headers: dict[str, str]) -> web.Response:
        request = await asyncio.to_thread(read_request, http, body)
        statement = request.statement
        if not statement.sql.strip():
            if http.method == "POST":
                raise StatementError(62, "expected a statement in the body or in the parameter `query`, found none")
            return web.Response(text="Ok.\n", content_type="text/html")
        answer = self._handshake(http, request)
        if answer is None:
            answer = await self._submit(request)
        if statement.has_answer:
            headers["X-ClickHouse-Format"] = request.format
        headers["X-ClickHouse-Summary"] = _summary(answer)
        payload, encoding = answer.body, ""
        if http.query.get("compress") in ("1", "true"):
            payload = await asyncio.to_thread(as_blocks, answer.body)
        elif payload and http.query.get("enable_http_compression") in ("1", "true"):
            accepted = http.headers.get("Accept-Encoding", "")
            payload, encoding = await asyncio.to_thread(encoded, answer.body, accepted)
        if encoding:
            headers["Content-Encoding"] = encoding
        return web.Response(body=payload, headers=headers | {"Content-Type": _content_type(request)})

    async def _submit(self, request: Request) -> Answer:
        """Run a request. If the client disconnects, a query is cancelled; an insert that arrived whole is finished."""
        try:
            return await asyncio.wrap_future(self._engine.submit(request))
        except asyncio.CancelledError:
            if request.statement.data is None:
                await asyncio.to_thread(self._engine.give_up, request)
            raise

    def _check_sender(self, request: web.Request) -> None:
        if not is_own_name(request.headers.get("Host", ""), self._names):
            raise EngineError(497, "Code: 497. DB::Exception: Host: not a name of this server. (ACCESS_DENIED)")
        if is_cross_site(request.headers):
            raise EngineError(
                497, "Code: 497. DB::Exception: requests of pages of another origin are refused. (ACCESS_DENIED)"
            )

    def _handshake(self, http: web.Request, request: Request) -> Answer | None:
        """Return the answer to the first query of clickhouse-go (Grafana's data source); None for any other query.

        It requests a protocol revision whose Native the embedded engine does not write. If the server reports revision
        0, it reads the engine's plain Native from then on.
        """
        revision = http.query.get("client_protocol_version", "")
        query = b" ".join(request.statement.sql.lower().split()).partition(b" format ")[0].rstrip(b"; ")
        if query != _HANDSHAKE or request.format != "Native" or not (revision.isascii() and revision.isdecimal()):
            return None
        if int(revision) < _HANDSHAKE_REVISION:
            return None
        columns = [
            ("displayName()", "String", _native_string(self._engine.display_name)),
            ("version()", "String", _native_string(self._engine.version)),
            ("revision()", "UInt32", struct.pack("<I", 0)),
            ("timezone()", "String", _native_string(self._engine.timezone)),
        ]
        block = bytes.fromhex("01 00 02 ff ff ff ff 00  04 01")
        for name, type_name, value in columns:
            block += _native_string(name) + _native_string(type_name) + b"\0" + value
        return Answer(block, result_rows=1)

    def _check_password(self, request: web.Request) -> None:
        user, password = credentials(request)
        if not hmac.compare_digest(password.encode(errors="surrogateescape"), self._password.encode()):
            raise EngineError(
                516,
                f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, or there is no user "
                f"with such name. (AUTHENTICATION_FAILED) (version {self._engine.version})",
            )


async def serve(engine: Engine, password: str, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then finish running requests. Prints the address to standard output.

    `port` 0 picks a free one. Raises OSError if it cannot listen on the address.
    """
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    front = ChdbServer(engine, password, own_names(host))
    runner = web.AppRunner(
        front.application(),
        access_log=None,
        handler_cancellation=True,
        # Bodies are checked for completeness as sent, and then decoded in a thread.
        auto_decompress=False,
        shutdown_timeout=ANSWER_SECONDS,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
    )
    await runner.setup()
    assert runner.server is not None  # after setup
    accept = front.connections.accepting(runner.server)
    try:
        listening = await asyncio.get_running_loop().create_server(accept, host, port, backlog=BACKLOG)
        print(f"listening on http://{host}:{listening.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201
        await ended.wait()
        listening.close()
        engine.stop_queries()
    finally:
        await runner.cleanup()


def _summary(answer: Answer) -> str:
    counts: Mapping[str, int] = {
        "read_rows": answer.read_rows,
        "read_bytes": answer.read_bytes,
        "written_rows": answer.written_rows,
        "written_bytes": answer.written_bytes,
        "total_rows_to_read": answer.read_rows,
        "result_rows": answer.result_rows or answer.written_rows,
        "result_bytes": len(answer.body) or answer.written_bytes,
        "elapsed_ns": answer.elapsed_ns,
    }
    return json.dumps({name: str(count) for name, count in counts.items()})


def _content_type(request: Request) -> str:
    if not request.statement.has_answer:
        return "text/plain; charset=UTF-8"
    match request.format:
        case "JSONEachRow" | "JSONLines" | "NDJSON":
            return "application/x-ndjson; charset=UTF-8"
        case name if name.startswith("JSON"):
            return "application/json; charset=UTF-8"
        case name if name.startswith("CSV"):
            return "text/csv; charset=UTF-8; header=absent"
        case name if name.startswith(("TabSeparated", "TSV")):
            return "text/tab-separated-values; charset=UTF-8"
        case "Native" | "RowBinary" | "RowBinaryWithNamesAndTypes" | "Parquet" | "Arrow" | "ArrowStream" | "ORC":
            return "application/octet-stream"
        case _:
            return "text/plain; charset=UTF-8"


def _native_string(text: str) -> bytes:
    content = text.encode()
    if len(content) > 127:
        raise ValueError(f"expected at most 127 bytes (one length byte), found {len(content)}: {text!r}")
    return bytes([len(content)]) + content
