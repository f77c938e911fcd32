"""Inserts into the embedded ClickHouse are atomic, one part per partition, in every form and with any bytes."""

import cramjam
import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import ask, count, lines, parts, send


def test_an_insert_of_many_blocks_makes_one_part_per_partition(front: EmbeddedClickHouse, table: str) -> None:
    block = "SELECT number + {first:UInt64} AS a, 'row' AS b FROM numbers(60000) FORMAT Native"
    blocks = [send(front, block.encode(), param_first=str(first)).body for first in (0, 60_000, 120_000)]
    reply = send(front, b"".join(blocks), query=f"INSERT INTO {table} (a, b) FORMAT Native")
    assert reply.written_rows == 180_000
    assert parts(front, table) == 2  # a % 2 makes two partitions

    ask(front, f"TRUNCATE TABLE {table}")
    reply = send(front, lines(0, 2_500_000), query=f"INSERT INTO {table} FORMAT JSONEachRow")
    assert reply.written_rows == 2_500_000
    assert parts(front, table) == 2


def test_settings_of_the_request_apply_to_an_insert(front: EmbeddedClickHouse, table: str) -> None:
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
def test_an_error_in_the_last_row_inserts_no_row(front: EmbeddedClickHouse, table: str, broken: bytes) -> None:
    # After two million valid rows: more than one block at the engine's own block size.
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
def test_bodies_may_have_several_compressed_frames_but_must_be_complete(
    front: EmbeddedClickHouse, table: str, encoding: str
) -> None:
    codec = {"deflate": cramjam.zlib}.get(encoding) or getattr(cramjam, {"br": "brotli"}.get(encoding, encoding))
    frames = [bytes(codec.compress(lines(first, 1000))) for first in (0, 1000)]
    if encoding in ("br", "deflate"):  # these formats have no frames to concatenate
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
