"""Grafana's provisioning: field names, enums, references and dollar signs, any of which can break a whole reload."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.web.dashboards import PROVISIONING, alert_rules, dashboards, provisioned

FILES = sorted(path.relative_to(PROVISIONING).as_posix() for path in PROVISIONING.rglob("*.yaml"))
#: Field names that Grafana 12 reads, by file: grafana.com/docs/grafana/latest/administration/provisioning
FIELDS = {
    "datasources/sichtflug.yaml": (
        "apiVersion datasources name uid type access editable url jsonData secureJsonData host port protocol "
        "secure username defaultDatabase dialTimeout queryTimeout password httpMethod timeInterval"
    ),
    "dashboards/sichtflug.yaml": (
        "apiVersion providers name type folder folderUid disableDeletion allowUiUpdates updateIntervalSeconds "
        "options path"
    ),
    "alerting/contact-points.yaml": (
        "apiVersion contactPoints orgId name receivers uid type settings url httpMethod disableResolveMessage"
    ),
    "alerting/policies.yaml": (
        "apiVersion policies orgId receiver group_by group_wait group_interval repeat_interval routes "
        "object_matchers mute_time_intervals muteTimes name time_intervals times start_time end_time weekdays"
    ),
    "alerting/rules.yaml": (
        "apiVersion groups orgId name folder interval rules uid title condition data for keepFiringFor "
        "noDataState execErrState labels annotations dashboardUid panelId refId datasourceUid "
        "relativeTimeRange from to model datasource type editorType format queryType rawSql expression "
        "reducer conditions evaluator params severity summary description runbook_url __dashboardUid__ "
        "__panelId__"
    ),
}
ENVIRONMENT = re.compile(r"\$\{[A-Z_]+\}")
ROOT = Path(__file__).parents[3]


def values(found: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all scalar values, with their paths."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from values(value, f"{where}.{key}")
    elif isinstance(found, list):
        for value in found:
            yield from values(value, where)
    else:
        yield where, found


@pytest.mark.parametrize("name", FILES)
def test_grafana_reads_every_field(name: str) -> None:
    found = provisioned(name)
    assert found["apiVersion"] == 1
    used = {key for where, _ in values(found) for key in where.strip(".").split(".")}
    assert used <= set(FIELDS[name].split()), used - set(FIELDS[name].split())


@pytest.mark.parametrize("name", FILES)
def test_a_dollar_is_an_environment_variable_or_escaped(name: str) -> None:
    for where, value in values(provisioned(name)):
        if where.endswith(".rawSql"):
            # Alert rules are evaluated without the browser that expands variables; macros are the data source's.
            assert "$" not in value, value
        elif isinstance(value, str):
            assert "$" not in ENVIRONMENT.sub("", value).replace("$$", ""), f"{where}: {value}"


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    """Otherwise $__rate_interval would be too short for a rate, or blur it."""
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]
    [source] = [
        entry for entry in provisioned("datasources/sichtflug.yaml")["datasources"] if entry["type"] == "prometheus"
    ]
    assert source["jsonData"]["timeInterval"] == scraped


def test_secrets_come_from_the_environment() -> None:
    for source in provisioned("datasources/sichtflug.yaml")["datasources"]:
        for value in source.get("secureJsonData", {}).values():
            assert ENVIRONMENT.fullmatch(value)
        assert re.fullmatch(r"[a-z-]{1,40}", source["uid"])
        for name in ("dialTimeout", "queryTimeout"):
            assert source["jsonData"].get(name, "0").isdigit()


def test_rules_have_the_safe_shape_and_their_references_resolve() -> None:
    sources = {source["uid"] for source in provisioned("datasources/sichtflug.yaml")["datasources"]}
    boards = {board["uid"]: board for board in dashboards()}
    assert len({rule["uid"] for rule in alert_rules()}) == len(alert_rules())
    for rule in alert_rules():
        a, b, c = rule["data"]
        assert (a["refId"], b["refId"], c["refId"], rule["condition"]) == ("A", "B", "C", "C")
        assert a["datasourceUid"] in sources
        assert a["model"]["format"] == 0
        assert (b["model"]["type"], b["model"]["expression"], b["model"]["reducer"]) == ("reduce", "A", "last")
        assert (c["model"]["type"], c["model"]["expression"]) == ("threshold", "B")
        assert c["model"]["conditions"][0]["evaluator"]["type"] in ("gt", "lt", "within_range", "outside_range")
        assert rule["noDataState"] in ("NoData", "Alerting", "OK", "KeepLast")
        assert rule["execErrState"] in ("Error", "Alerting", "OK", "KeepLast")
        assert re.fullmatch(r"\d+[smh]", rule["for"])
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["panelId"] in {panel["id"] for panel in boards[rule["dashboardUid"]]["panels"]}
        base, _, runbook = rule["annotations"]["runbook_url"].rpartition("/")
        assert base == "${SICHTFLUG_RUNBOOKS_URL}"
        assert (ROOT / "docs" / "runbooks" / runbook).is_file()


def test_every_environment_variable_is_documented() -> None:
    named = {
        found for name in FILES for _, value in values(provisioned(name)) for found in ENVIRONMENT.findall(str(value))
    }
    documented = (ROOT / "docs" / "dashboards.md").read_text()
    assert named
    assert [variable for variable in named if f"`{variable.strip('${}')}`" not in documented] == []


def test_policies_name_receivers_and_mute_timings_that_exist() -> None:
    found = provisioned("alerting/policies.yaml")
    receivers = {point["name"] for point in provisioned("alerting/contact-points.yaml")["contactPoints"]}
    timings = {timing["name"] for timing in found["muteTimes"]}
    severities = set()
    for policy in found["policies"]:
        for route in (policy, *policy["routes"]):
            assert route["receiver"] in receivers
            assert set(route.get("mute_time_intervals", ())) <= timings
            for name, operator, value in route.get("object_matchers", ()):
                assert operator in ("=", "!=", "=~", "!~")
                if name == "severity":
                    severities.add(value)
    assert severities == {rule["labels"]["severity"] for rule in alert_rules()}
