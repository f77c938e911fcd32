"""No client of the embedded ClickHouse blocks others: slow queries, their time limit, idle connections."""

import resource
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import Reply, ask, authorized, send
from tests.support.requirement import require

SLOW = "SELECT count() FROM numbers(1e15) WHERE cityHash64(number) = 1"


def running(front: EmbeddedClickHouse) -> int:
    return int(ask(front, "SELECT count() FROM system.processes WHERE query LIKE '%1e15%' AND query NOT LIKE '%LIKE%'"))


def test_a_slow_query_blocks_no_reader_and_ends_with_its_client(front: EmbeddedClickHouse) -> None:
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


@pytest.mark.parametrize("requested", ["0", "100000", "-1", "1e9", "nan"])
def test_no_query_exceeds_the_time_limit(front: EmbeddedClickHouse, requested: str) -> None:
    reply = send(front, b"SELECT getSetting('max_execution_time')", max_execution_time=requested)
    assert reply.text == "60\n" or reply.status >= 400


@pytest.mark.parametrize("sent", [b"", b"POST /?query=SELECT HT", b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_idle_connections_do_not_lock_others_out(tmp_path: Path, sent: bytes) -> None:
    """A front limited to 1,024 open files serves 256 connections; 1,100 arrive, and an earlier query survives."""
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
