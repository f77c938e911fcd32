"""Parts damaged by write errors that the engine ignores on a filling disk are detected, and no row is lost."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.chdb_server.parts import is_whole
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.errors import ClickHouseUnavailableError
from tests.support.chdb_server import ask, send
from tests.support.small_disk import churned, small_disk

MEBIBYTE = 1 << 20
WIDE = "min_bytes_for_wide_part = 0, min_rows_for_wide_part = 0"
COMPACT = "min_bytes_for_wide_part = 1000000000"
WITHOUT_CHECKSUM = (
    "columns.txt",
    "columns_substreams.txt",
    "default_compression_codec.txt",
    "metadata_version.txt",
)
TABLE = (
    "CREATE TABLE t (a UInt64, b String, c LowCardinality(String), INDEX i a TYPE minmax) "
    "ENGINE = {}MergeTree ORDER BY (a, b) PARTITION BY a % 2 SETTINGS non_replicated_deduplication_window = 1000, {}"
)
PROJECTED = (
    "CREATE TABLE p (a UInt64, b UInt64, PROJECTION by_rest (SELECT b, count() GROUP BY b)) "
    "ENGINE = MergeTree ORDER BY a SETTINGS {}"
)
INSERT = (
    "INSERT INTO t SETTINGS insert_deduplication_token = '{}' "
    "SELECT {}, randomString(8), toString(number % 50) FROM numbers({})"
)


@contextmanager
def parts(directory: Path, settings: str, engine: str = "") -> Iterator[tuple[EmbeddedClickHouse, list[Path]]]:
    """Yield a front killed after ten inserts, and the parts on its disk."""
    front = EmbeddedClickHouse(directory / "data", log_directory=directory)
    with front:
        ask(front, TABLE.format(engine, settings))
        for number in range(10):
            ask(front, INSERT.format(number, number, 3_000))
        front.kill()
        yield front, sorted(path.parent for path in (directory / "data" / "store").rglob("checksums.txt"))


@pytest.mark.parametrize("settings", [WIDE, COMPACT], ids=["wide", "compact"])
def test_a_truncated_file_of_a_part_is_detected(tmp_path: Path, settings: str) -> None:
    with parts(tmp_path, settings) as (_, found):
        assert len(found) >= 10
        assert all(map(is_whole, found))
        for file in found[0].iterdir():
            content = file.read_bytes()
            for short in {b"", content[:-1], content[: len(content) // 2]} - {content}:
                file.write_bytes(short)
                # Files not in the checksums hold a few bytes of text: written whole or not at all.
                is_noticed = short == b"" or file.name not in WITHOUT_CHECKSUM
                assert is_whole(found[0]) is not is_noticed, (file.name, short)
            file.write_bytes(content)
        assert is_whole(found[0])
        shutil.rmtree(found[0])
        assert is_whole(found[0])  # a removed part is not damaged


@pytest.mark.parametrize("settings", [WIDE, COMPACT], ids=["wide", "compact"])
def test_a_truncated_file_of_a_projection_is_detected(tmp_path: Path, settings: str) -> None:
    front = EmbeddedClickHouse(tmp_path / "data", log_directory=tmp_path)
    with front:
        ask(front, PROJECTED.format(settings))
        ask(front, "INSERT INTO p SELECT number, number % 7 FROM numbers(1000)")
        front.kill()
        [projection] = (tmp_path / "data" / "store").rglob("by_rest.proj")
        assert is_whole(projection.parent)
        for file in projection.iterdir():
            content = file.read_bytes()
            file.write_bytes(content[:-1] if file.name not in WITHOUT_CHECKSUM else b"")
            assert not is_whole(projection.parent), file.name
            file.write_bytes(content)
        assert is_whole(projection.parent)
        shutil.rmtree(projection)
        assert not is_whole(projection.parent)


def test_a_table_whose_name_is_not_utf_8_is_repaired_like_any_other(tmp_path: Path) -> None:
    table = b"`t\xff``\\\\`"
    with EmbeddedClickHouse(tmp_path / "data", log_directory=tmp_path) as front:
        assert send(front, b"CREATE TABLE " + table + b" (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
        assert send(front, b"INSERT INTO " + table + b" SELECT 1").status == 200
        [part] = [path.parent for path in (tmp_path / "data" / "store").rglob("checksums.txt")]
        renamed = part.parent / "all_2_2_0"
        shutil.copytree(part, tmp_path / "all_2_2_0")
        (tmp_path / "all_2_2_0" / "primary.cidx").write_bytes(b"")
        (tmp_path / "all_2_2_0").rename(renamed)
        deadline = time.monotonic() + 30
        while renamed.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not renamed.exists()
        assert send(front, b"SELECT a FROM " + table).text == "1\n"


@pytest.mark.parametrize("engine", ["", "Replacing", "Summing", "Aggregating"])
@pytest.mark.parametrize("settings", [WIDE, COMPACT], ids=["wide", "compact"])
def test_an_insert_whose_part_was_damaged_before_a_crash_can_be_repeated(
    tmp_path: Path, settings: str, engine: str
) -> None:
    with parts(tmp_path, settings + ", max_parts_to_merge_at_once = 1", engine) as (front, found):
        [marks] = [path for path in found if path.name.startswith("1_8_8_")]
        next(path for path in marks.iterdir() if ".cmrk" in path.name).write_bytes(b"")
        front.start()
        client = ClickHouse(front.url, "default")
        count = "SELECT count(), uniqExact(a), uniqExact(c) FROM t"
        assert client.rows(count) == [(27_000, 9, 50)]
        lost = 2 * 4 - 1  # the eighth insert was 7, of the odd partition
        for number in range(10):  # all others are duplicates
            ask(front, INSERT.format(number, number, 3_000))
        assert client.rows(count) == [(30_000, 10, 50)]
        assert client.rows(f"SELECT count() FROM t WHERE a = {lost}") == [(3_000,)]
        client.close()


@pytest.mark.parametrize(
    ("engine", "settings", "rows", "kills"),
    [
        ("", COMPACT, 20_000, False),
        ("", WIDE, 100_000, False),
        ("Replacing", WIDE, 150_000, False),
        ("Replacing", COMPACT, 60_000, True),
    ],
    ids=["compact", "large inserts", "large replacing inserts", "killed during inserts"],
)
def test_no_row_is_lost_on_a_disk_that_fills_while_parts_are_written(
    tmp_path: Path, engine: str, settings: str, rows: int, kills: bool
) -> None:
    chance = Random(rows)
    log = tmp_path / "clickhouse.log"
    count = 0
    with (
        small_disk(tmp_path / "disk", 96 * MEBIBYTE) as disk,
        EmbeddedClickHouse(disk / "data", log_directory=tmp_path) as front,
    ):
        client = ClickHouse(front.url, "default")
        client.execute(TABLE.format(engine, settings))
        with churned(disk, rows):
            begun = time.monotonic()
            while (lasted := time.monotonic() - begun) < 60 and (lasted < 6 or not log.read_text()):
                insert(client, count, rows)
                count += 1
                if kills and chance.random() < 0.05:
                    client.close()
                    front.kill()
                    front.start()
                if count % 5 == 0:
                    # Concurrent readers see all rows, too.
                    assert client.rows("SELECT count(), uniqExact(a), sum(length(b)) FROM t") == [
                        (count * rows, count, 8 * count * rows)
                    ]
        whole = [(count * rows, count, 8 * count * rows, 50)]
        found = client.rows("SELECT count(), uniqExact(a), sum(length(b)), uniqExact(c) FROM t")
        kept = sorted(str(path.parent) for path in (disk / "data" / "store").rglob("checksums.txt"))
        assert found == whole, "\n".join((*kept, log.read_text()))
        client.close()
        # Proves that the scenario damaged at least one part.
        assert "was damaged by a full disk" in log.read_text()


def insert(client: ClickHouse, number: int, rows: int) -> None:
    """Insert as a worker does: repeatedly with the same token, until acknowledged."""
    while True:
        try:
            client.execute(INSERT.format(number, number, rows))
            return
        except ClickHouseUnavailableError:
            time.sleep(0.002)
