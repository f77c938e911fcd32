"""The page under test: a server on a database, over HTTP."""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from pipeline.settings import Settings
from pipeline.web.server import PageServer


class Found(NamedTuple):
    """An answer of the page."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


class Page:
    """A running page. Paths are sent unchanged: no client normalises `..` on the way."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, method: str = "GET", **headers: str) -> Found:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return Found(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def panel(self, uid: str, number: object, parameters: Any = ()) -> Found:
        return self.get(f"/api/dashboards/{uid}/panels/{quote(str(number))}?{urlencode(parameters, doseq=True)}")


@contextlib.contextmanager
def served(url: str, database: str, directory: Path | None = None, **settings: Any) -> Iterator[Page]:
    """Serve the page on a free port, with the project's dashboards unless a directory is given."""
    made = Settings(clickhouse_url=url, clickhouse_database=database, page_port=0, **settings)
    with PageServer(made, directory) as server:
        yield Page(server.port)
