"""Boards as Grafana's JSON: variables, links, annotations, and the positions of the panels on the grid."""

from collections.abc import Sequence

import msgspec

from grafana.panels import CLICKHOUSE, PROMETHEUS, Json, Panel
from grafana.query_files import query

GRID_COLUMNS = 24
SCHEMA_VERSION = 41
TAG = "sichtflug"
WINDOWS = (("5 min", 300), ("1 h", 3_600), ("24 h", 86_400), ("7 d", 604_800))
HOLDS_FOR = "holds_for"
FILTERS = (("tenant", "Tenant"), ("queue", "Queue"), ("channel", "Channel"))


class Row(msgspec.Struct, frozen=True):
    """A question, and the panels that answer it, from left to right and top to bottom."""

    title: str
    panels: Sequence[Panel]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """One dashboard. `has_window` adds a variable for the length of rolling windows."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    since: str = "now-6h"
    has_window: bool = False
    has_prometheus: bool = False


def dashboard(board: Board) -> Json:
    """Return the board as Grafana's JSON."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": board.since, "to": "now"},
        "links": [_link()],
        "annotations": {"list": [_spikes()]},
        "templating": {"list": _variables(board)},
        "panels": _placed(board.rows),
    }


def _link() -> Json:
    return {
        "type": "dashboards",
        "title": "Sichtflug",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _spikes() -> Json:
    return {
        "name": "Spikes",
        "datasource": dict(CLICKHOUSE),
        "enable": True,
        "hide": False,
        "iconColor": "#d64545",
        "target": {
            "editorType": "sql",
            "format": 1,
            "queryType": "table",
            "rawSql": query("variables/spikes").sql,
            "refId": "Anno",
        },
    }


def _variables(board: Board) -> list[Json]:
    variables = [_datasource("datasource", "ClickHouse", CLICKHOUSE["type"])]
    if board.has_prometheus:
        variables.append(_datasource("prometheus", "Prometheus", PROMETHEUS["type"]))
    variables += [_filter_variable(name, label) for name, label in FILTERS]
    if board.has_window:
        variables.append(_window())
    variables.append(_holds_for())
    return variables


def _datasource(name: str, label: str, kind: str) -> Json:
    return {"name": name, "label": label, "type": "datasource", "query": kind, "hide": 2, "current": {}}


def _filter_variable(name: str, label: str) -> Json:
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return _query_variable(name, label) | {"sort": 1, "multi": True, "includeAll": True, "current": everything}


def _holds_for() -> Json:
    """Return a hidden variable, which the descriptions of the panels show."""
    unchosen: Json = {"hide": 2, "multi": False, "includeAll": False, "current": {}}
    return _query_variable(HOLDS_FOR, "Numbers hold for") | unchosen


def _query_variable(name: str, label: str) -> Json:
    """Return a variable whose values come from ClickHouse, refreshed whenever the time range changes."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": dict(CLICKHOUSE),
        "query": query(f"variables/{name}").sql,
        "refresh": 2,
    }


def _window() -> Json:
    options = [{"selected": value == 3_600, "text": text, "value": str(value)} for text, value in WINDOWS]
    return {
        "name": "window",
        "label": "Window",
        "type": "custom",
        "query": ", ".join(f"{text} : {value}" for text, value in WINDOWS),
        "multi": False,
        "includeAll": False,
        "options": options,
        "current": options[1],
    }


def _placed(rows: Sequence[Row]) -> list[Json]:
    placed: list[Json] = []
    y = 0
    for row in rows:
        head = {"id": len(placed) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": []}
        placed.append(head | {"gridPos": {"x": 0, "y": y, "w": GRID_COLUMNS, "h": 1}})
        y += 1
        x = height = 0
        inside: list[Json] = []
        for panel in row.panels:
            if x + panel.width > GRID_COLUMNS:
                x, y, height = 0, y + height, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            inside.append(_panel(panel, len(placed) + len(inside) + 1, place))
            x, height = x + panel.width, max(height, panel.height)
        y += height
        placed += inside
    return placed


def _panel(panel: Panel, number: int, place: Json) -> Json:
    is_held = panel.datasource == CLICKHOUSE
    built: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description + (f"\n\nHolds for ${{{HOLDS_FOR}}}." if is_held else ""),
        "datasource": dict(panel.datasource),
        "gridPos": place,
        "targets": list(panel.targets),
        "fieldConfig": {"defaults": panel.defaults, "overrides": list(panel.overrides)},
        "options": panel.options,
    }
    if panel.kind == "timeseries":
        built["interval"] = "1m"
    return built
