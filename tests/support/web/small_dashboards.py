"""Small dashboards in Grafana's shape."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
WINDOWS = [{"text": "5 min", "value": "300"}, {"text": "1 h", "value": "3600"}]


def write_dashboard(directory: Path, uid: str, panels: list[Json], **more: Any) -> None:
    """Write a dashboard with the variables place (from the table `places`) and window."""
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
    """Return a panel that queries ClickHouse; `form` 0 is a time series, 1 a table."""
    target = {"datasource": CLICKHOUSE, "rawSql": sql, "format": form, "refId": "A", "editorType": "sql"}
    place = {"x": (number - 1) % 4 * 6, "y": (number - 1) // 4 * 6, "w": 6, "h": 6}
    found = {"id": number, "type": kind, "title": f"Panel {number}", "gridPos": place, "targets": [target]}
    return found | {"fieldConfig": {"defaults": {"unit": "short"}, "overrides": []}, "options": {}} | more
