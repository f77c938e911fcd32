"""Workers on a disk that fills and is freed report it, retry, and lose nothing.

ClickHouse's acknowledgements are not trusted: rows are counted by queue, and compared with the log.
"""

import json
import secrets
import time
from pathlib import Path

from pipeline.clickhouse import migrations
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka, free_port
from tests.support.small_disk import filled, small_disk
from tests.support.system import System, wait_for
from tests.support.web.metrics import samples

LOT = 1_500
MEBIBYTE = 1 << 20


def openings(queue: str) -> list[tuple[bytes, bytes]]:
    """Return a number of conversations opened by customers in one queue."""
    return [
        (
            f"{queue}{number}".encode(),
            json.dumps(
                {
                    "specversion": "1.0",
                    "id": f"{queue}{number}",
                    "source": "desk",
                    "type": "conversation.opened",
                    "time": f"2026-11-23T10:{number % 60:02d}:00Z",
                    "subject": f"{queue}{number}",
                    "data": {"channel": "email", "queue": queue, "customer_id": f"of-{queue}{number}"},
                }
            ).encode(),
        )
        for number in range(LOT)
    ]


def test_events_folded_while_the_disk_is_full_are_written_once_there_is_space(tmp_path: Path) -> None:
    metrics = free_port()
    with (
        small_disk(tmp_path / "disk", 160 * MEBIBYTE) as disk,
        EmbeddedKafka() as kafka,
        EmbeddedClickHouse(disk / "data", log_directory=tmp_path) as clickhouse,
    ):
        name = f"full_{secrets.token_hex(4)}"
        migrations.migrate(clickhouse.url, name)
        system = System(kafka.bootstrap, clickhouse.url, name, name, tmp_path)
        try:
            worker = system.start_worker(metrics_port=str(metrics))
            system.publish(openings("a"))
            system.wait_until_folded()
            with filled(disk):
                system.publish(openings("b"))
                wait_for(lambda: "NOT_ENOUGH_SPACE" in system.log(), 30, system.log)
                wait_for(lambda: failures(metrics) > 0, 30)
                time.sleep(3)
                assert worker.poll() is None
                assert system.books()["consumed"] < 2 * LOT
            system.publish(openings("c"))
            system.wait_until_folded()
            # Three lots: each record is one event of one conversation, opened in one queue, and one interaction.
            assert system.books()["consumed"] == system.books()["applied"] == 3 * LOT
            assert system.client.rows(
                "SELECT queue, count() FROM conversation_facts GROUP BY queue ORDER BY queue"
            ) == [
                ("a", LOT),
                ("b", LOT),
                ("c", LOT),
            ]
            assert system.client.rows(
                "SELECT queue, sum(arrived_count) FROM backlog_by_day GROUP BY queue ORDER BY queue"
            ) == [
                ("a", LOT),
                ("b", LOT),
                ("c", LOT),
            ]
            assert system.client.rows("SELECT count(), uniqExact(event_id) FROM interactions FINAL") == [
                (3 * LOT, 3 * LOT)
            ]
            system.assert_equals(system.oracle())
            worker.terminate()
            assert worker.wait(30) == 0
        finally:
            system.stop()


def failures(port: int) -> float:
    """Return the number of failed inserts in the worker's metrics."""
    values = samples(f"http://127.0.0.1:{port}/metrics")
    return sum(value for name, value in values.items() if "insert_failures_total" in name)
