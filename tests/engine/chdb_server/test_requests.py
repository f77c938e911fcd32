"""The embedded ClickHouse refuses foreign and malformed requests, and says why."""

import http.client
from urllib.parse import urlencode

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.chdb_server import Reply, authorized


def request(front: EmbeddedClickHouse, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    for name, value in (authorized(front) | {"Content-Length": str(len(body))} | headers).items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = Reply(answer.status, dict(answer.headers), answer.read())
    connection.close()
    return found


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost"}, 200),
        ({"Host": "127.0.0.1:1"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:8123", "Origin": "http://localhost:8123"}, 200),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:8123", "Origin": "http://localhost:9109"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_foreign_host_names_and_foreign_pages_get_no_answer(
    front: EmbeddedClickHouse, headers: dict[str, str], status: int
) -> None:
    assert request(front, "POST", "/", headers, b"SELECT 1").status == status
    assert request(front, "GET", "/?query=SELECT+1", headers).status == status


@pytest.mark.parametrize(
    ("parameters", "headers", "status"),
    [
        ({}, {"X-ClickHouse-Key": "\xff"}, 401),
        ({}, {"X-ClickHouse-User": "\xff\xfe", "X-ClickHouse-Key": "x"}, 401),
        ({}, {"Authorization": "Basic \xff"}, 401),
        ({}, {"Authorization": "Basic /////w=="}, 401),
        ({"query_id": "a\r\nX: 1"}, {}, 400),
        ({"query_id": "a\0"}, {}, 400),
        ({"query_id": "\ud800"}, {}, 200),  # a replacement character arrives
        ({"session_timezone": "UTC\r\nX: 1"}, {}, 400),
        ({"session_timezone": "Nowhere"}, {}, 400),
        ({"max_execution_time": "²"}, {}, 400),
        ({"max_execution_time": "1e99"}, {}, 400),
        ({"max_execution_time": "-1"}, {}, 400),
        ({"max_execution_time": "nan"}, {}, 400),
        ({"max_execution_time": ""}, {}, 400),
        ({"client_protocol_version": "²"}, {}, 200),
        ({"no_such_setting": "\r\n"}, {}, 404),
        ({"database": "\r\n"}, {}, 404),
        ({"param_a": "\xff"}, {}, 200),
        ({}, {"X-ClickHouse-Database": "\xff"}, 404),
        ({}, {"X-ClickHouse-Format": "\xff"}, 404),
        ({}, {"Content-Encoding": "\xff"}, 500),
    ],
)
def test_a_malformed_request_is_reported_as_such_and_not_as_an_internal_error(
    front: EmbeddedClickHouse, parameters: dict[str, str], headers: dict[str, str], status: int
) -> None:
    target = "/?" + urlencode({"query": "SELECT 1"} | parameters, errors="replace")
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
    try:
        connection.request("GET", target, headers=authorized(front, headers) | headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert (answer.status, b"Internal Server Error" in body) == (status, False), body
    assert answer.headers.get("X") is None
    assert status == 200 or body.startswith(b"Code: ")
