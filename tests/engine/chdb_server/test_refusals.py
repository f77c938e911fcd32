"""The embedded ClickHouse reports every refused insert: none is acknowledged whose rows are not stored.

Each test writes over HTTP, as a worker does, and then counts rows instead of trusting the answer.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.errors import ClickHouseRejectedError, ClickHouseUnavailableError
from tests.support.chdb_server import ask, count, send
from tests.support.requirement import require
from tests.support.small_disk import filled, small_disk

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    directory = tmp_path_factory.mktemp("front")
    with EmbeddedClickHouse(directory / "data", log_directory=directory) as running:
        ask(running, "CREATE TABLE checked (a UInt64, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")
        ask(running, "CREATE TABLE parted (a UInt64) ENGINE = MergeTree PARTITION BY a ORDER BY a")
        ask(running, "CREATE TABLE thrown (a UInt8, b UInt8 DEFAULT throwIf(a = 2)) ENGINE = MergeTree ORDER BY a")
        yield running


ROWS = "\n".join(map(str, range(101)))


@pytest.mark.parametrize(
    ("table", "query", "body", "code"),
    [
        ("checked", "INSERT INTO checked FORMAT TSV", "1\n50\n2\n", 469),
        ("checked", "INSERT INTO checked FORMAT JSONEachRow", '{"a":1}\n{"a":50}\n', 469),
        ("checked", "INSERT INTO checked VALUES", "(1), (50), (2)", 469),
        ("checked", "INSERT INTO checked SETTINGS max_threads = 1 VALUES", "(1), (50)", 469),
        ("checked", "", "INSERT INTO checked VALUES (1), (50)", 469),
        ("checked", "", "INSERT INTO checked SELECT number FROM numbers(11)", 469),
        ("parted", "INSERT INTO parted FORMAT TSV", ROWS, 252),
        ("parted", "", "INSERT INTO parted SELECT number FROM numbers(101)", 252),
        ("thrown", "INSERT INTO thrown (a) FORMAT TSV", "1\n2\n", 395),
        ("checked", "INSERT INTO checked FORMAT TSV", "1\nx\n", 27),
        ("checked", "INSERT INTO checked (nothing) FORMAT TSV", "1\n", 16),
        ("checked", "INSERT INTO checked FORMAT Native", "\n\n", 32),
    ],
)
def test_a_refused_insert_returns_clickhouses_error_number_and_stores_nothing(
    front: EmbeddedClickHouse, table: str, query: str, body: str, code: int
) -> None:
    reply = send(front, body.encode(), parameters={"query": query})
    assert reply.headers.get("X-ClickHouse-Exception-Code") == str(code), reply.text
    assert reply.status >= 400
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "/proc/" not in reply.text
    assert count(front, table) == 0


def test_a_blank_line_within_the_data_does_not_end_it(front: EmbeddedClickHouse) -> None:
    # Native: zeros and line ends for 2 columns. 2570 is 0x0A0A, two line ends.
    ask(front, "CREATE TABLE numbered (a UInt64) ENGINE = MergeTree ORDER BY a")
    block = send(front, b"SELECT number AS a FROM numbers(5000) FORMAT Native").body
    assert b"\n\n" in block
    assert send(front, block, query="INSERT INTO numbered FORMAT Native").written_rows == 5000
    assert count(front, "numbered") == 5000
    assert send(front, b'{"a":1}\n\n\n{"a":2}', query="INSERT INTO numbered FORMAT JSONEachRow").written_rows == 2
    assert count(front, "numbered") == 5002


def test_a_full_disk_is_reported_and_needs_no_restart_once_freed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64 * MEBIBYTE) as disk, EmbeddedClickHouse(disk / "data") as front:
        ask(front, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        rows = "SELECT number AS a, randomString(100) AS b FROM numbers(20000) FORMAT Native"
        block = send(front, rows.encode()).body
        insert = "INSERT INTO t FORMAT Native"
        assert send(front, block, query=insert).written_rows == 20_000
        for free_bytes in (0, MEBIBYTE // 2, 3 * MEBIBYTE // 2):
            with filled(disk, free_bytes):
                reply = send(front, block, query=insert)
                assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (500, "243")
                reply = send(front, b"INSERT INTO t SELECT number, randomString(100) FROM numbers(20000)")
                assert reply.headers["X-ClickHouse-Exception-Code"] == "243"
                # The engine itself would leave the definition empty, and the table would be lost at the next start.
                reply = send(front, b"ALTER TABLE t MODIFY COMMENT 'full'")
                assert reply.headers["X-ClickHouse-Exception-Code"] == "243"
                client = ClickHouse(front.url, "default")
                with pytest.raises(ClickHouseUnavailableError, match="NOT_ENOUGH_SPACE"):
                    client.insert("t", ("a", "b"), block, 20_000, "token")
                client.close()
                assert count(front, "t") == 20_000
        assert send(front, block, query=insert).written_rows == 20_000
        front.kill()
        front.start()
        assert count(front, "t") == 40_000


def test_a_full_disk_is_retried_and_a_refused_insert_is_not(front: EmbeddedClickHouse) -> None:
    client = ClickHouse(front.url, "default")
    block = send(front, b"SELECT 50::UInt64 AS a FORMAT Native").body
    with pytest.raises(ClickHouseRejectedError, match="VIOLATED_CONSTRAINT"):
        client.insert("checked", ("a",), block, 1, "token")
    client.close()


def test_an_exhausted_file_size_limit_is_reported(tmp_path: Path) -> None:
    """A file size limit of the process, for machines where nothing can be mounted."""
    require(os.name == "posix", "resource limits")
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)); import signal; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "from pipeline.embedded.chdb_server.__main__ import main; main(sys.argv[1:])"
    )
    command = ["-c", program, "--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            front = EmbeddedClickHouse(tmp_path / "data", port=int(process.stdout.readline().rpartition(b":")[2]))
            ask(front, "CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
            client = ClickHouse(front.url, "default")
            rows = b"SELECT number AS a, randomString(1000) AS b FROM numbers(20000) FORMAT Native"
            with pytest.raises(ClickHouseUnavailableError):
                client.insert("t", ("a", "b"), send(front, rows).body, 20_000, "token")
            client.close()
            assert count(front, "t") == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (b'name="query"\r\n\r\nSELECT \xff', "expected a form field in UTF-8, found other bytes in 'query'"),
        (b'name="query"\r\n\r\nSELECT 1\r\n--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1', "setting"),
    ],
)
def test_a_form_that_is_not_utf_8_is_refused(front: EmbeddedClickHouse, part: bytes, text: str) -> None:
    body = b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n--x--\r\n"
    reply = send(front, body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert 400 <= reply.status < 500
    assert text in reply.text
