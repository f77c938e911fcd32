"""The dashboards of the page: read from Grafana's JSON, and sent to the browser without their queries."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pipeline.data_files import directory
from pipeline.errors import DashboardError
from pipeline.web.request import NotFoundError

Json = dict[str, Any]

#: The dashboard that is listed first and opens at /.
HOME = "sichtflug-overview"
#: The variable that shows the watermark in descriptions of Grafana's panels. The page shows it on its own.
WATERMARK = "holds_for"
#: The parts of a panel that the browser needs. Queries stay on the server.
PANEL_KEYS = ("id", "type", "title", "description", "gridPos", "fieldConfig", "options", "links", "collapsed")


class Dashboard:
    """One dashboard, with its panels by id and its variables by name."""

    def __init__(self, document: Json) -> None:
        self.uid: str = document["uid"]
        self.title: str = document["title"]
        self.document = document
        self.panels: Mapping[int, Json] = {panel["id"]: panel for panel in _flat(document["panels"])}
        variables = document.get("templating", {}).get("list", [])
        self.variables: Mapping[str, Json] = {
            variable["name"]: variable
            for variable in variables
            if variable["type"] != "datasource" and variable["name"] != WATERMARK
        }

    def panel(self, number: str) -> Json:
        """Return the panel with an id. Raises NotFoundError."""
        panel = self.panels.get(int(number)) if number.isascii() and number.isdecimal() and len(number) < 10 else None
        if panel is None:
            raise NotFoundError(f"panel {number[:40]!r} of {self.uid}: not found")
        return panel

    def shown(self) -> Json:
        """Return the dashboard for the browser."""
        document = self.document
        return {
            "uid": self.uid,
            "title": self.title,
            "description": document.get("description", ""),
            "time": document.get("time", {"from": "now-6h", "to": "now"}),
            "refresh": document.get("refresh") or "",
            "links": document.get("links", []),
            "hasAnnotations": bool(list(self.annotations())),
            "variables": [
                {key: variable.get(key) for key in ("name", "label", "type", "multi", "includeAll", "current", "hide")}
                for variable in self.variables.values()
            ],
            "panels": [_shown_panel(panel) for panel in document["panels"]],
        }

    def annotations(self) -> Iterator[tuple[str, str]]:
        """Yield name and SQL of the annotations that query ClickHouse."""
        for annotation in self.document.get("annotations", {}).get("list", []):
            sql = annotation.get("rawSql") or annotation.get("target", {}).get("rawSql")
            if sql and annotation.get("enable", True):
                yield annotation.get("name", ""), sql


class Dashboards:
    """All dashboards of a directory. Raises DashboardError for an invalid file."""

    def __init__(self, directory: Path) -> None:
        self._by_uid: dict[str, Dashboard] = {}
        for path in sorted(directory.glob("*.json")):
            try:
                dashboard = Dashboard(msgspec.json.decode(path.read_bytes(), type=Json))
            except (msgspec.MsgspecError, KeyError, TypeError) as error:
                raise DashboardError(f"{path}: expected a dashboard of Grafana: {error!r}") from error
            if dashboard.uid in self._by_uid:
                raise DashboardError(f"{path}: uid {dashboard.uid} is that of another file")
            self._by_uid[dashboard.uid] = dashboard

    def __iter__(self) -> Iterator[Dashboard]:
        return iter(sorted(self._by_uid.values(), key=lambda dashboard: (dashboard.uid != HOME, dashboard.title)))

    def find(self, uid: str) -> Dashboard:
        """Return the dashboard with a uid. Raises NotFoundError."""
        if uid not in self._by_uid:
            raise NotFoundError(f"dashboard {uid[:40]!r}: not found; expected one of {', '.join(self._by_uid)}")
        return self._by_uid[uid]

    def listed(self) -> list[Json]:
        """Return uid, title, description and tags of each dashboard, for links."""
        return [
            {
                "uid": dashboard.uid,
                "title": dashboard.title,
                "description": dashboard.document.get("description", ""),
                "tags": dashboard.document.get("tags", []),
            }
            for dashboard in self
        ]


def default_directory() -> Path:
    """Return the directory of this version's dashboards."""
    return directory("dashboards", "grafana/dashboards")


def _flat(panels: list[Json]) -> Iterator[Json]:
    for panel in panels:
        yield panel
        yield from _flat(panel.get("panels", []))


def _shown_panel(panel: Json) -> Json:
    shown = {key: panel[key] for key in PANEL_KEYS if key in panel}
    if "description" in shown:
        paragraphs = shown["description"].split("\n\n")
        shown["description"] = "\n\n".join(text for text in paragraphs if f"${{{WATERMARK}}}" not in text)
    if panel["type"] == "row":
        shown["panels"] = [_shown_panel(inner) for inner in panel.get("panels", [])]
    return shown
