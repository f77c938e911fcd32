"""The dashboards as committed, and their queries: every panel, variable and annotation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

DASHBOARDS = Path(__file__).parents[3] / "grafana" / "dashboards"
PROVISIONING = Path(__file__).parents[3] / "deploy" / "grafana" / "provisioning"
TIME_SERIES = 0
#: Panels that are empty when nothing is wrong, or before a day has passed.
MAY_BE_EMPTY = {"Spikes", "Time to clear", "Concentration of help", "Drift", "Drift by tenant"}

Json = dict[str, Any]


class DashboardQuery(NamedTuple):
    """A query, its dashboard and panel, and its format (0 time series, 1 table; -1 variable)."""

    where: str
    sql: str
    form: int


def dashboards() -> list[Json]:
    """Return all dashboards."""
    return [msgspec.json.decode(path.read_bytes()) for path in sorted(DASHBOARDS.glob("*.json"))]


def panels(dashboard: Json) -> list[Json]:
    """Return the panels of a dashboard except its rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def clickhouse_queries() -> Iterator[DashboardQuery]:
    """Return all queries to ClickHouse."""
    for dashboard in dashboards():
        uid = dashboard["uid"]
        for panel in panels(dashboard):
            for target in panel["targets"]:
                if "rawSql" in target:
                    yield DashboardQuery(f"{uid} / {panel['title']}", target["rawSql"], target["format"])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield DashboardQuery(f"{uid} / ${variable['name']}", variable["query"], -1)
        for annotation in dashboard["annotations"]["list"]:
            yield DashboardQuery(f"{uid} / {annotation['name']}", annotation["target"]["rawSql"], 1)


def alerts() -> Iterator[DashboardQuery]:
    """Return the queries of Grafana's own alert rules."""
    for rule in alert_rules():
        model = rule["data"][0]["model"]
        yield DashboardQuery(f"alert / {rule['title']}", model["rawSql"], model["format"])


def alert_rules() -> list[Json]:
    """Return Grafana's own alert rules."""
    return [rule for group in provisioned("alerting/rules.yaml")["groups"] for rule in group["rules"]]


def provisioned(name: str) -> Json:
    """Return a provisioning file."""
    found: Json = yaml.safe_load((PROVISIONING / name).read_text(encoding="utf-8"))
    return found
