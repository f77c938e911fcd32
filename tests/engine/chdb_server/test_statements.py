"""Statements to the embedded ClickHouse: formats, settings, parameters, errors, and read-only requests."""

from pathlib import Path

import cramjam
import pytest

from pipeline.embedded.chdb_server.compression import city_hash_128
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import ask, count, send


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
def test_a_statement_is_answered_in_the_format_it_names(
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


def test_the_query_id_is_returned(front: EmbeddedClickHouse) -> None:
    assert send(front, b"SELECT 1", query_id="mine").headers["X-ClickHouse-Query-Id"] == "mine"
    assert len(send(front, b"SELECT 1").headers["X-ClickHouse-Query-Id"]) == 36


def test_a_statement_may_be_split_between_parameter_and_body(front: EmbeddedClickHouse) -> None:
    assert send(front, b"+ 2", query="SELECT 1").text == "3\n"
    insert = "INSERT INTO FUNCTION null('a UInt8')"
    for parameter, body in (
        (f"{insert} VALUES", b"(1), (2)"),
        (insert, b"VALUES (1), (2)"),
        (f"{insert} VALUES (1),", b"(2)"),
        (f"{insert} FORMAT CSV;", b"1\n2\n"),
    ):
        assert send(front, body, query=parameter).written_rows == 2, parameter


def test_definitions_return_no_format(front: EmbeddedClickHouse, table: str) -> None:
    reply = send(front, f"ALTER TABLE {table} ADD COLUMN c UInt8;".encode())
    assert (reply.status, reply.body) == (200, b"")
    assert "X-ClickHouse-Format" not in reply.headers


def test_settings_of_one_request_do_not_leak_into_the_next(front: EmbeddedClickHouse) -> None:
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
def test_errors_have_a_status_a_code_and_a_text(
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


def test_read_only_requests_cannot_write_files(front: EmbeddedClickHouse, tmp_path: Path) -> None:
    """Neither with GET nor with POST under either read-only setting."""
    target = tmp_path / "stolen"
    sql = f"INSERT INTO FUNCTION file('{target}', CSV, 'n UInt8') SELECT 1"
    for reply in (
        send(front, query=sql),
        send(front, sql.encode(), parameters={"readonly": "2"}),
        send(front, sql.encode(), parameters={"readonly": "1"}),
    ):
        assert reply.headers["X-ClickHouse-Exception-Code"] in ("164", "497")
    assert not target.exists()


def test_the_clickhouse_go_handshake_is_answered_in_native_of_its_revision(front: EmbeddedClickHouse) -> None:
    sql = b"SELECT displayName(), version(), revision(), timezone()"
    reply = send(front, sql, client_protocol_version="54460", default_format="Native")
    name, version = ask(front, "SELECT displayName(), version()").encode().split(b"\t")
    # Block info, 4 columns, 1 row; then per column its name, type, a zero and the value.
    assert reply.body == (
        b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01"
        + b"\x0ddisplayName()\x06String\x00" + bytes([len(name)]) + name
        + b"\x09version()\x06String\x00" + bytes([len(version)]) + version
        + b"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00"
        + b"\x0atimezone()\x06String\x00\x03UTC"
    )  # fmt: skip
    assert reply.headers["X-ClickHouse-Format"] == "Native"
    # Other requests get no revision.
    assert ask(front, "SELECT revision()") != "0"


def test_answers_are_compressed_in_blocks_on_request(front: EmbeddedClickHouse) -> None:
    block = send(front, b"SELECT 'x'", compress="1").body
    assert block[:16] == city_hash_128(block[16:])
    assert block[16:25] == b"\x82" + (len(block) - 16).to_bytes(4, "little") + (2).to_bytes(4, "little")
    assert bytes(cramjam.lz4.decompress_block(block[25:], output_len=2)) == b"x\n"
    assert send(front, b"INSERT INTO FUNCTION null('a UInt8') SELECT 1", compress="1").body == b""
    assert send(front, b"x", decompress="1").headers["X-ClickHouse-Exception-Code"] == "48"
