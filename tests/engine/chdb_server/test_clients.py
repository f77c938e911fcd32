"""curl, clickhouse-connect and JDBC work against the embedded ClickHouse."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import clickhouse_connect
import cramjam
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import ask, lines, parts
from tests.support.requirement import require

JDBC_ARTIFACTS = (
    "com.clickhouse:clickhouse-jdbc:0.9.6:jar:all",
    "org.slf4j:slf4j-api:2.0.17",
    "org.slf4j:slf4j-nop:2.0.17",
)


def curl(*arguments: str, data: bytes = b"") -> str:
    require(shutil.which("curl") is not None, "curl")
    done = subprocess.run(["curl", "-sS", *arguments], input=data, capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def test_curl_pings(front: EmbeddedClickHouse) -> None:
    assert curl(f"{front.url}/ping") == "Ok.\n"
    assert curl(f"{front.url}/") == "Ok.\n"


def test_curl_queries_inserts_and_sees_errors(front: EmbeddedClickHouse, table: str) -> None:
    assert curl(front.url, "-d", "SELECT 1 + 1") == "2\n"
    insert = f"{front.url}/?query={quote(f'INSERT INTO {table} FORMAT CSV')}"
    assert curl(insert, "--data-binary", "@-", data=b'1,"x"\n2,"y"\n') == ""
    assert curl(front.url, "-d", f"SELECT * FROM {table} ORDER BY a FORMAT CSV") == '1,"x"\n2,"y"\n'
    answer = curl("-i", front.url, "-d", "SELECT nothing")
    assert "X-ClickHouse-Exception-Code: 47" in answer
    assert "Unknown expression identifier `nothing`" in answer


def test_curl_sends_and_receives_gzip(front: EmbeddedClickHouse, table: str) -> None:
    # More than a megabyte, so that curl first sends `Expect: 100-continue`.
    body = gzip.compress(lines(0, 200_000), 1)
    insert = f"{front.url}/?query={quote(f'INSERT INTO {table} FORMAT JSONEachRow')}"
    curl(insert, "-H", "Content-Encoding: gzip", "-H", "Expect: 100-continue", "--data-binary", "@-", data=body)
    url = f"{front.url}/?enable_http_compression=1"
    assert curl(
        "-i", "-H", "Accept-Encoding: gzip", "--compressed", url, "-d", f"SELECT count() FROM {table}"
    ).endswith("\r\n\r\n200000\n")


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
    # With rows of 200 bytes, clickhouse-connect sends many blocks of about 10,000 rows, each compressed separately.
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


@pytest.fixture(scope="session")
def jdbc_class_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the class path of the driver (cached in the user's cache directory) and our compiled program."""
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
    # The second answer is 5 MB, so several compressed blocks.
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
