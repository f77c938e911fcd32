"""The embedded ClickHouse requires its password, in every way a client can send it."""

from pathlib import Path

import clickhouse_connect

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import send


def test_the_password_is_required_in_each_way_clickhouse_accepts(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "data", password="open sesame", log_directory=tmp_path) as front:
        for headers, parameters in (
            ({"Authorization": "Basic ZGVmYXVsdDpvcGVuIHNlc2FtZQ=="}, {}),
            ({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "open sesame"}, {}),
            ({}, {"user": "default", "password": "open sesame"}),
        ):
            reply = send(front, b"SELECT 1", headers=headers, parameters=parameters, is_anonymous=True)
            assert reply.text == "1\n"
        for headers, parameters in (
            ({}, {}),
            ({"Authorization": "Basic ZGVmYXVsdDp3cm9uZw=="}, {"password": "open sesame"}),
            ({"Authorization": "Basic ?"}, {}),
            ({"X-ClickHouse-Key": "wröng".encode().decode("latin-1")}, {}),
            ({}, {"user": "default", "password": "wrong"}),
        ):
            reply = send(front, b"SELECT 1", headers=headers, parameters=parameters, is_anonymous=True)
            assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (401, "516")
            assert "Authentication failed" in reply.text
        assert send(front, path="/ping").text == "Ok.\n"
        connected = clickhouse_connect.get_client(host="127.0.0.1", port=front.port, password="open sesame")
        assert connected.command("SELECT 1") == 1
        connected.close()
