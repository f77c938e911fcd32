"""No statement to the embedded ClickHouse, however it is written, reaches anything outside the database."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import ask, send

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
    """Create a directory with a file that no statement may read."""
    directory = tmp_path_factory.mktemp("outside")
    (directory / "secret").write_text(SECRET + "\n")
    return directory


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Open a socket that no statement may connect to."""
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
def test_no_parameter_reaches_outside_the_database(
    front: EmbeddedClickHouse, outside: Path, statement: str, parameter: str
) -> None:
    reply = send(front, statement.encode(), parameters={"param_s": parameter.replace("DIR", str(outside))})
    assert reply.status != 200
    assert SECRET not in reply.text


@pytest.mark.parametrize(
    "function",
    [
        *("file", "FILE", "`file`", '"file"', "`fi\\x6ce`", '"fi\\x6ce"', "file/* a */", "file -- a\n"),
        # Not a string to the engine, but the start of one to a scanner that only looks for quotes.
        *("/* ' */ file", "$$'$$ || file"),
    ],
)
def test_no_row_of_values_reaches_outside_the_database(front: EmbeddedClickHouse, outside: Path, function: str) -> None:
    ask(front, "CREATE OR REPLACE TABLE told (a String, b DateTime) ENGINE = Memory")
    ask(front, "INSERT INTO told VALUES (concat('file', '(1)'), now()), ('it''s file(''x'')', 0)")
    rows = f"INSERT INTO told VALUES ('a', 0), ({function}('{outside}/secret'), 0), ('', 0 /* ' */)"
    reply = send(front, rows.encode())
    assert reply.status != 200
    # Refused by the front, and not only by the kernel: some machines lack Landlock.
    assert "ACCESS_DENIED" in reply.text
    assert ask(front, "SELECT count() FROM told") == "2"


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_reaches_outside_the_database(
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
def test_statements_that_stay_inside_the_database_are_answered(
    front: EmbeddedClickHouse, statement: str, answer: str
) -> None:
    assert ask(front, statement) == answer
