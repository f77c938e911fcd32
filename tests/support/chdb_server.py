"""Clients of the embedded ClickHouse: requests over HTTP, complete, interrupted or as a bare statement."""

import base64
import json
import socket
import urllib.error
import urllib.request
from urllib.parse import quote, urlencode, urlsplit

from pipeline.embedded.servers import EmbeddedClickHouse


class Reply:
    """An HTTP answer: status, headers, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def written_rows(self) -> int:
        return int(json.loads(self.headers["X-ClickHouse-Summary"])["written_rows"])


def send(
    front: EmbeddedClickHouse,
    body: bytes | None = None,
    *,
    headers: dict[str, str] | None = None,
    path: str = "/",
    parameters: dict[str, str] | None = None,
    is_anonymous: bool = False,
    **more_parameters: str,
) -> Reply:
    """Send one request, GET without a body and POST with one."""
    request = urllib.request.Request(
        f"{front.address}{path}?{urlencode((parameters or {}) | more_parameters)}",
        body,
        (headers or {}) if is_anonymous else authorized(front, headers),
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Reply(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, dict(error.headers), error.read())


def authorized(front: EmbeddedClickHouse, headers: dict[str, str] | None = None) -> dict[str, str]:
    """Return `headers` with the password, unless they have credentials of their own."""
    if headers and {"Authorization", "X-ClickHouse-Key"} & headers.keys():
        return headers
    return {"Authorization": basic("default", front.password)} | (headers or {})


def basic(user: str, password: str) -> str:
    """Return the value of the header `Authorization`."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask(front: EmbeddedClickHouse, sql: str, **parameters: str) -> str:
    """Return the answer to `sql` as tab-separated text without its last line end."""
    reply = send(front, sql.encode(), parameters=parameters)
    assert reply.status == 200, reply.text
    return reply.text.rstrip("\n")


def count(front: EmbeddedClickHouse, table: str) -> int:
    """Return the number of rows of a table."""
    return int(ask(front, f"SELECT count() FROM {table}"))


def parts(front: EmbeddedClickHouse, table: str) -> int:
    """Return the parts of a table that were inserted and not merged yet."""
    sql = f"SELECT count() FROM system.parts WHERE active AND level = 0 AND table = '{table}'"
    return int(ask(front, sql))


def lines(first: int, number: int) -> bytes:
    """Return rows (a, b) as JSONEachRow, with a counting from `first`."""
    return b"".join(b'{"a":%d,"b":"row"}\n' % value for value in range(first, first + number))


def raw_request(front: EmbeddedClickHouse, table: str, framing: str) -> socket.socket:
    """Open a connection and send the head of an insert."""
    address = urlsplit(front.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    query = quote(f"INSERT INTO {table} FORMAT JSONEachRow")
    connection.sendall(
        f"POST /?query={query} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {basic('default', front.password)}\r\n{framing}\r\n\r\n".encode()
    )
    return connection
