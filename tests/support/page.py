"""The page under test: a server on a database, asked over HTTP, and small dashboards in Grafana's shape."""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from pipeline.settings import Settings
from pipeline.web.server import PageServer

Json = dict[str, Any]
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
WINDOWS = [{"text": "5 min", "value": "300"}, {"text": "1 h", "value": "3600"}]


class Found(NamedTuple):
    """What the page answered."""

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
    """A running page. Paths go out as they are: no client makes `..` harmless on the way."""

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
    """The page on a free port; the project's dashboards unless a directory is given."""
    made = Settings(clickhouse_url=url, clickhouse_database=database, page_port=0, **settings)
    with PageServer(made, directory) as server:
        yield Page(server.port)


def write_dashboard(directory: Path, uid: str, panels: list[Json], **more: Any) -> None:
    """A dashboard with the variables place (from the table `places`) and window."""
    place = {"name": "place", "type": "query", "multi": True, "includeAll": True, "refresh": 2}
    window = {"name": "window", "type": "custom", "options": WINDOWS, "current": WINDOWS[1]}
    document = {
        "uid": uid,
        "title": uid.capitalize(),
        "tags": ["test"],
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "",
        "links": [],
        "templating": {"list": [place | {"query": "SELECT DISTINCT place FROM places ORDER BY place"}, window]},
        "panels": panels,
    }
    directory.mkdir(exist_ok=True)
    (directory / f"{uid}.json").write_text(json.dumps(document | more))


def panel(number: int, kind: str, sql: str, form: int = 1, **more: Any) -> Json:
    """A panel that asks ClickHouse; `form` 0 is a time series, 1 a table."""
    target = {"datasource": CLICKHOUSE, "rawSql": sql, "format": form, "refId": "A", "editorType": "sql"}
    place = {"x": (number - 1) % 4 * 6, "y": (number - 1) // 4 * 6, "w": 6, "h": 6}
    found = {"id": number, "type": kind, "title": f"Panel {number}", "gridPos": place, "targets": [target]}
    return found | {"fieldConfig": {"defaults": {"unit": "short"}, "overrides": []}, "options": {}} | more
