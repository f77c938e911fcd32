"""Incomplete bodies insert nothing, and slow clients delay no one else."""

import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import basic, count, lines, raw_request, send


@pytest.mark.parametrize("abort", ["close", "half-close", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked", "length with a pause", "chunked with a pause"])
def test_a_body_cut_at_a_line_end_inserts_nothing(
    front: EmbeddedClickHouse, table: str, framing: str, abort: str
) -> None:
    body = lines(0, 1000)
    if framing.startswith("length"):
        connection = raw_request(front, table, f"Content-Length: {len(body) + 20}")
        connection.sendall(body)
    else:
        connection = raw_request(front, table, "Transfer-Encoding: chunked")
        connection.sendall(b"%x\r\n%s\r\n" % (len(body), body))  # the last chunk, 0\r\n\r\n, is never sent
    if framing.endswith("pause"):
        time.sleep(0.2)
    if abort == "half-close":
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
    elif abort == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    time.sleep(0.2)
    # Would be queued behind the truncated insert, had that been accepted.
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


def test_complete_bodies_arrive_in_both_framings(front: EmbeddedClickHouse, table: str) -> None:
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


def test_a_sender_killed_in_mid_body_inserts_nothing(front: EmbeddedClickHouse, table: str) -> None:
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
