"""What statements and senders may not do on the embedded ClickHouse, however it is written."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import resource
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlencode

import cramjam
import pytest

from pipeline.embedded.chdb_server.encoding import EncodingError, decoded
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.engine.test_chdb_server import Reply, ask, authorized, send
from tests.support.browser import opened
from tests.support.requirement import require

SECRET = "what stands outside"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    directory = tmp_path_factory.mktemp("front")
    with EmbeddedClickHouse(directory / "data", log_directory=directory) as running:
        ask(running, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        ask(running, "INSERT INTO t SELECT number FROM numbers(3)")
        yield running


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a file that is nobody's business."""
    directory = tmp_path_factory.mktemp("outside")
    (directory / "secret").write_text(SECRET + "\n")
    return directory


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Whom no statement may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        yield listening


STATEMENTS = [
    "SELECT * FROM file('{dir}/secret', LineAsString)",
    "SELECT * FROM FILE('{dir}/secret', 'LineAsString')",
    "SELECT * FROM file/* a */('{dir}/secret', LineAsString)",
    "SELECT * FROM `file`('{dir}/secret', LineAsString)",
    "SELECT file('{dir}/secret')",
    "SELECT `fi\\x6ce`('{dir}/secret')",
    "SELECT \"file\"('{dir}/secret')",
    "SELECT (SELECT file -- a\n ('{dir}/secret'))",
    "WITH x AS (SELECT file(concat('{dir}', '/secret')) AS y) SELECT y FROM x",
    "SELECT * FROM view(SELECT file('{dir}/secret'))",
    "SELECT arrayMap(x -> file(x), ['{dir}/secret'])",
    "EXPLAIN SYNTAX SELECT file('{dir}/secret')",
    "SELECT * FROM eval('SELECT file(''{dir}/secret'')')",
    "SELECT * FROM format(JSONEachRow, 'a UInt8, b String DEFAULT file(\\'{dir}/secret\\')', '{{\"a\":1}}')",
    "SELECT * FROM format(JSONEachRow, concat('a Int8, b String DEFAULT fi', 'le(\\'{dir}/secret\\')'), '{{\"a\":1}}')",
    "SELECT * FROM format(Values, 'x String', $$(file('{dir}/secret'))$$)",
    "SELECT * FROM format(Values, 'x String', '(file(\\'{dir}/secret\\'))')",
    "SELECT * FROM t SETTINGS additional_table_filters = {{'t': 'throwIf(1, file(\\'{dir}/secret\\'))'}}",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '{dir}/secret'",
    "SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema = '{dir}/secret:M'",
    "SELECT * FROM filesystem('{dir}')",
    "SELECT * FROM sqlite('{dir}/new', 't')",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT * FROM Python(os)",
    "SELECT * FROM url('http://{peer}/', LineAsString)",
    "SELECT * FROM remote('{peer}', system.one)",
    "SELECT * FROM remoteSecure('{peer}', system.one)",
    "SELECT * FROM s3('http://{peer}/a/b', 'CSV', 'a String')",
    "SELECT * FROM mysql('{peer}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('{peer}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM mongodb('{peer}', 'a', 'b', 'c', 'd', 'x String')",
    "SELECT * FROM redis('{peer}', 'key', 'key String, v String')",
    "SELECT * FROM hdfs('hdfs://{peer}/a', 'CSV', 'a String')",
    "SELECT * FROM jdbc('jdbc://{peer}', 'a', 'b')",
    "SELECT * FROM odbc('DSN=x', 'a', 'b')",
    "SELECT * FROM azureBlobStorage('http://{peer}', 'a', 'b', 'c', 'd')",
    "SELECT 1 INTO OUTFILE '{dir}/new'",
    "SELECT 1 INTO/**/OUTFILE '{dir}/new' FORMAT CSV",
    "SELECT 1 into -- a\n outfile '{dir}/new'",
    "INSERT INTO t FROM INFILE '{dir}/secret' FORMAT CSV",
    "INSERT INTO t FROM/**/INFILE '{dir}/secret' FORMAT CSV",
    "INSERT INTO FUNCTION file('{dir}/new', 'LineAsString', 'line String') SELECT 'x'",
    "INSERT INTO FUNCTION file('{dir}/new', 'LineAsString', 'line String') VALUES ('x')",
    "WITH 1 AS a INSERT INTO FUNCTION file('{dir}/new', 'LineAsString', 'line String') SELECT 'x'",
    "INSERT INTO FUNCTION url('http://{peer}/', 'CSV', 'a UInt8') SELECT 1",
    "CREATE TABLE f (a String) ENGINE = File(LineAsString, '{dir}/secret')",
    "CREATE TEMPORARY TABLE f ENGINE = File(LineAsString, '{dir}/new') AS SELECT 'x' AS line",
    "CREATE TABLE f (a String) ENGINE = URL('http://{peer}/', CSV)",
    "CREATE TABLE f (a UInt8) ENGINE = Distributed('default', 'default', 't')",
    "CREATE TABLE f (a UInt8) ENGINE = StripeLog",
    "CREATE TABLE f (a UInt8) ENGINE = Log",
    "CREATE TEMPORARY TABLE f (a UInt8) ENGINE = TinyLog",
    "CREATE TABLE f (a UInt8) ENGINE = Join(ANY, LEFT, a)",
    "CREATE TABLE f (a UInt8) ENGINE = Set",
    "create table f (a UInt8) engine/**/Log",
    "CREATE TABLE f (a UInt8) ENGINE `Log`",
    "CREATE TABLE f (a UInt8) SETTINGS default_table_engine = 'Log'",
    "SET default_temporary_table_engine = 'Log'",
    "CREATE MATERIALIZED VIEW f ENGINE = Log AS SELECT 1 AS a",
    "CREATE DATABASE f ENGINE = Lazy(10)",
    "CREATE TABLE f (a UInt8) ENGINE = EmbeddedRocksDB PRIMARY KEY a",
    "CREATE TABLE f (a UInt8) ENGINE = Kafka('{peer}', 'a', 'b', 'CSV')",
    "CREATE TABLE f AS file('{dir}/secret', LineAsString)",
    "CREATE TABLE f (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = object_storage, "
    "object_storage_type = local, path = '{dir}/new/')",
    "CREATE TABLE f (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, endpoint = 'http://{peer}/')",
    "CREATE TABLE f (a UInt8, b String DEFAULT file('{dir}/secret')) ENGINE = Memory",
    "CREATE VIEW v AS SELECT * FROM file('{dir}/secret', LineAsString)",
    "CREATE VIEW v AS SELECT file('{dir}/secret') AS a",
    "CREATE FUNCTION reading AS (x) -> file(x)",
    "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(FILE(path '{dir}/secret' format 'TSV')) LAYOUT(FLAT()) "
    "LIFETIME(0)",
    "CREATE DATABASE f ENGINE = Filesystem('{dir}')",
    "CREATE DATABASE f ENGINE = SQLite('{dir}/new')",
    "CREATE DATABASE f ENGINE = MySQL('{peer}', 'a', 'b', 'c')",
    "CREATE NAMED COLLECTION c AS a = 1",
    "CREATE USER u",
    "GRANT ALL ON *.* TO default",
    "BACKUP DATABASE default TO File('{dir}/new')",
    "BACKUP TABLE t TO Disk('default', 'new')",
    "RESTORE TABLE t FROM File('{dir}/secret')",
    "ATTACH TABLE f FROM '{dir}' (a UInt64) ENGINE = MergeTree ORDER BY a",
    "SYSTEM SHUTDOWN",
    "SYSTEM DROP MARK CACHE",
    "SELECT 1; SELECT file('{dir}/secret')",
    "SELECT 1 SETTINGS dialect = 'prql'",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT 1 SETTINGS max_result_bytes = 0",
    "SELECT 1 SETTINGS allow_introspection_functions = 1",
]


@pytest.mark.parametrize(
    ("statement", "parameter"),
    [
        ("SELECT * FROM format(Values, 'x String', {s:String})", "(file('DIR/secret'))"),
        (
            "SELECT * FROM format(JSONEachRow, {s:String}, '{\"a\":1}')",
            "a Int32, b String DEFAULT file('DIR/secret')",
        ),
        (
            "SELECT * FROM format(JSONEachRow, {s:String}, '{\"a\":1}')",
            "a Int32, b String DEF\\x41ULT fi\\x6ce('DIR/secret')",
        ),
    ],
)
def test_no_parameter_leaves_the_database(
    front: EmbeddedClickHouse, outside: Path, statement: str, parameter: str
) -> None:
    reply = send(front, statement.encode(), parameters={"param_s": parameter.replace("DIR", str(outside))})
    assert reply.status != 200
    assert SECRET not in reply.text


@pytest.mark.parametrize(
    "function",
    [
        *("file", "FILE", "`file`", '"file"', "`fi\\x6ce`", '"fi\\x6ce"', "file/* a */", "file -- a\n"),
        # What is no text to the engine begins one for whoever looks for quotes alone.
        *("/* ' */ file", "$$'$$ || file"),
    ],
)
def test_no_row_of_values_leaves_the_database(front: EmbeddedClickHouse, outside: Path, function: str) -> None:
    ask(front, "CREATE OR REPLACE TABLE told (a String, b DateTime) ENGINE = Memory")
    ask(front, "INSERT INTO told VALUES (concat('file', '(1)'), now()), ('it''s file(''x'')', 0)")
    rows = f"INSERT INTO told VALUES ('a', 0), ({function}('{outside}/secret'), 0), ('', 0 /* ' */)"
    reply = send(front, rows.encode())
    assert reply.status != 200
    # By us, and not only by the kernel, which some machines have without Landlock.
    assert "ACCESS_DENIED" in reply.text
    assert ask(front, "SELECT count() FROM told") == "2"


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_leaves_the_database(
    front: EmbeddedClickHouse, outside: Path, listener: socket.socket, statement: str
) -> None:
    peer = f"127.0.0.1:{listener.getsockname()[1]}"
    sql = statement.format(dir=outside, peer=peer)
    for reply in (send(front, sql.encode()), send(front, query=sql)):
        assert reply.status >= 400, reply.text
        assert SECRET not in reply.text
    assert [path.name for path in outside.iterdir()] == ["secret"]
    with pytest.raises(TimeoutError):
        listener.accept()
    assert ask(front, "SELECT count() FROM t") == "3"


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("SELECT count() FROM numbers(3)", "3"),
        ("SELECT count() FROM generateSeries(1, 3)", "3"),
        ("SELECT count() FROM merge('default', '^t$')", "3"),
        ("SELECT count() FROM view(SELECT * FROM t)", "3"),
        ("SELECT * FROM format(JSONEachRow, 'a UInt8', '{\"a\": 7}')", "7"),
        ("SELECT file FROM (SELECT 1 AS file)", "1"),
        ("SELECT 'ask for a file (or a url (s3))'", "ask for a file (or a url (s3))"),
        ("SELECT count() FROM t WHERE toString(a) != 'INTO OUTFILE'", "3"),
        ("SELECT 1 SETTINGS max_execution_time = 5, max_threads = 1", "1"),
        ("SELECT 'a;b\\'c';", "a;b\\'c"),
        ("WITH 1 AS a SELECT a", "1"),
        ("KILL QUERY WHERE query_id = 'nobody'", ""),
    ],
)
def test_what_stays_in_the_database_is_answered(front: EmbeddedClickHouse, statement: str, answer: str) -> None:
    assert ask(front, statement) == answer


def request(front: EmbeddedClickHouse, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    for name, value in (authorized(front) | {"Content-Length": str(len(body))} | headers).items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = Reply(answer.status, dict(answer.headers), answer.read())
    connection.close()
    return found


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost"}, 200),
        ({"Host": "127.0.0.1:1"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:8123", "Origin": "http://localhost:8123"}, 200),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:8123", "Origin": "http://localhost:9109"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_foreign_names_and_foreign_pages_get_no_answer(
    front: EmbeddedClickHouse, headers: dict[str, str], status: int
) -> None:
    assert request(front, "POST", "/", headers, b"SELECT 1").status == status
    assert request(front, "GET", "/?query=SELECT+1", headers).status == status


async def visit(url: str, directory: Path) -> None:
    async with opened(url, directory) as tab:
        await tab.wait("document.title == 'tried'")


def test_a_page_of_another_origin_reaches_nothing(front: EmbeddedClickHouse, tmp_path: Path) -> None:
    """A browser on a foreign page, which knows the password: an image, a form and a script try."""
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
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as foreign:
        threading.Thread(target=foreign.serve_forever, daemon=True).start()
        asyncio.run(visit(f"http://127.0.0.1:{foreign.server_port}/", tmp_path))
        foreign.shutdown()
    assert "by_" not in ask(front, "SHOW DATABASES")


SLOW = "SELECT count() FROM numbers(1e15) WHERE cityHash64(number) = 1"


def running(front: EmbeddedClickHouse) -> int:
    return int(ask(front, "SELECT count() FROM system.processes WHERE query LIKE '%1e15%' AND query NOT LIKE '%LIKE%'"))


def test_a_slow_query_keeps_no_reader_waiting_and_ends_with_its_client(front: EmbeddedClickHouse) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as slow:
        head = f"GET /?query={quote(SLOW)} HTTP/1.1\r\nHost: localhost\r\n"
        slow.sendall(f"{head}Authorization: {authorized(front)['Authorization']}\r\n\r\n".encode())
        time.sleep(0.3)
        begun = time.monotonic()
        assert ask(front, "SELECT 1") == "1"
        assert running(front) == 1
        assert time.monotonic() - begun < 2
    deadline = time.monotonic() + 5
    while running(front):
        assert time.monotonic() < deadline, "the query outlives its client"
        time.sleep(0.05)


def test_a_slow_query_can_be_killed(front: EmbeddedClickHouse) -> None:
    replies: list[Reply] = []
    waiting = threading.Thread(target=lambda: replies.append(send(front, SLOW.encode(), max_threads="1")))
    waiting.start()
    time.sleep(0.3)
    ask(front, "KILL QUERY WHERE query LIKE '%1e15%' AND query NOT LIKE '%KILL%' ASYNC")
    waiting.join(5)
    assert not waiting.is_alive()
    assert replies[0].headers["X-ClickHouse-Exception-Code"] == "394"


@pytest.mark.parametrize("asked", ["0", "100000", "-1", "1e9", "nan"])
def test_nobody_gets_more_time_than_there_is(front: EmbeddedClickHouse, asked: str) -> None:
    reply = send(front, b"SELECT getSetting('max_execution_time')", max_execution_time=asked)
    assert reply.text == "60\n" or reply.status >= 400


@pytest.mark.parametrize("sent", [b"", b"POST /?query=SELECT HT", b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_connections_that_ask_nothing_keep_nobody_out(tmp_path: Path, sent: bytes) -> None:
    """A front that may open 1,024 files serves 256 connections; 1,100 come, and a query from before stays."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    require(most >= 2_000, "2,000 open files")
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)); "
        "from pipeline.embedded.chdb_server.__main__ import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, "--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, ExitStack() as idle:
        try:
            assert process.stdout is not None
            front = EmbeddedClickHouse(tmp_path / "data", port=int(process.stdout.readline().rpartition(b":")[2]))
            with ThreadPoolExecutor() as pool:
                slow = pool.submit(
                    ask, front, "SELECT sum(sleepEachRow(0.05)) FROM numbers(60) SETTINGS max_block_size = 1"
                )
                time.sleep(0.5)
                for _ in range(1_100):
                    idle.enter_context(socket.create_connection(("127.0.0.1", front.port), timeout=5)).sendall(sent)
                begun = time.monotonic()
                assert ask(front, "SELECT 1 FORMAT TSV").strip() == "1"
                assert time.monotonic() - begun < 5
                assert slow.result().strip() == "0"
            assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 700
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("parameters", "headers", "status"),
    [
        ({}, {"X-ClickHouse-Key": "\xff"}, 401),
        ({}, {"X-ClickHouse-User": "\xff\xfe", "X-ClickHouse-Key": "x"}, 401),
        ({}, {"Authorization": "Basic \xff"}, 401),
        ({}, {"Authorization": "Basic /////w=="}, 401),
        ({"query_id": "a\r\nX: 1"}, {}, 400),
        ({"query_id": "a\0"}, {}, 400),
        ({"query_id": "\ud800"}, {}, 200),  # a character that replaces it arrives
        ({"session_timezone": "UTC\r\nX: 1"}, {}, 400),
        ({"session_timezone": "Nowhere"}, {}, 400),
        ({"max_execution_time": "²"}, {}, 400),
        ({"max_execution_time": "1e99"}, {}, 400),
        ({"max_execution_time": "-1"}, {}, 400),
        ({"max_execution_time": "nan"}, {}, 400),
        ({"max_execution_time": ""}, {}, 400),
        ({"client_protocol_version": "²"}, {}, 200),
        ({"no_such_setting": "\r\n"}, {}, 404),
        ({"database": "\r\n"}, {}, 404),
        ({"param_a": "\xff"}, {}, 200),
        ({}, {"X-ClickHouse-Database": "\xff"}, 404),
        ({}, {"X-ClickHouse-Format": "\xff"}, 404),
        ({}, {"Content-Encoding": "\xff"}, 500),
    ],
)
def test_what_is_wrong_with_a_request_is_said_and_no_error_of_ours(
    front: EmbeddedClickHouse, parameters: dict[str, str], headers: dict[str, str], status: int
) -> None:
    target = "/?" + urlencode({"query": "SELECT 1"} | parameters, errors="replace")
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    try:
        connection.request("GET", target, headers=authorized(front, headers) | headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert (answer.status, b"Internal Server Error" in body) == (status, False), body
    assert answer.headers.get("X") is None
    assert status == 200 or body.startswith(b"Code: ")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4", "br"])
def test_a_small_body_does_not_become_a_large_one(encoding: str) -> None:
    zeros = bytes(3 << 20)
    packed = {
        "gzip": lambda: gzip.compress(zeros),
        "deflate": lambda: zlib.compress(zeros),
        "zstd": lambda: bytes(cramjam.zstd.compress(zeros)),
        "lz4": lambda: bytes(cramjam.lz4.compress(zeros)),
        "br": lambda: bytes(cramjam.brotli.compress(zeros)),
    }[encoding]()
    assert decoded(packed, encoding, len(zeros)) == zeros
    with pytest.raises(EncodingError, match=f"at most {len(zeros) - 1} bytes"):
        decoded(packed, encoding, len(zeros) - 1)
