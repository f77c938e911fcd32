"""Alerts: the annotations, metrics and inhibitions of each, read from the files."""

import re
from typing import Any

import pytest
import yaml

from tests.support.alert_rules import (
    ALERTMANAGER,
    NAMES,
    NUMBERED,
    PROMETHEUS,
    ROOT,
    RULE_TESTS,
    RULES,
    RUNBOOKS,
    Selector,
    alert_names,
    selectors,
    unknown_selectors,
)

DASHBOARDS = frozenset(
    f"sichtflug-{name}" for name in ("overview", "channel-mix", "backlog", "escalations", "public", "pipeline")
)
ASKED_FOR = (
    "EscalationSpike",
    "BacklogGrowing",
    "SlaAtRisk",
    "FreshnessHigh",
    "LagHigh",
    "WatermarkStalled",
    "DeadLetterRatioHigh",
    "DeadLetterBrake",
    "ClickHouseInsertsFailing",
    "WorkerDown",
    "BooksOutOfBalance",
)


@pytest.mark.parametrize("alert", alert_names())
def test_an_alert_has_a_firing_and_a_silent_test_in_a_fixed_order_of_groups(alert: str) -> None:
    document = yaml.safe_load((RULE_TESTS / f"{alert}.yml").read_text())
    assert document["rule_files"] == [f"../{RULES.name}"]
    assert document["group_eval_order"] == [group["name"] for group in yaml.safe_load(RULES.read_text())["groups"]]
    expected = [case["exp_alerts"] for test in document["tests"] for case in test["alert_rule_test"]]
    assert any(expected)
    assert not all(expected)
    assert {case["alertname"] for test in document["tests"] for case in test["alert_rule_test"]} == {alert}


@pytest.mark.parametrize(("number", "rule"), NUMBERED, ids=NAMES)
def test_an_alert_has_a_severity_a_summary_and_a_runbook(number: int, rule: dict[str, Any]) -> None:
    name = rule["alert"]
    assert re.fullmatch(r"([A-Z][a-z]+)+", name)
    # The possible severities of spikes: streams.episodes.Severity.
    assert rule["labels"]["severity"] in ("page", "ticket", "{{ $labels.severity }}")
    annotations = rule["annotations"]
    assert annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "$value" in annotations["summary"]
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}/{name}.md"
    assert (RUNBOOKS / f"{name}.md").exists()
    dashboard = re.fullmatch(r"\{\{ \$externalLabels\.grafana \}\}/d/([a-z-]+)(\?.*)?", annotations["dashboard_url"])
    assert dashboard
    assert dashboard[1] in DASHBOARDS


def test_every_required_alert_exists_and_no_test_or_runbook_lacks_one() -> None:
    names = set(alert_names())
    assert names >= set(ASKED_FOR)
    assert {path.stem for path in RULE_TESTS.glob("*.yml")} == names
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == names


@pytest.mark.parametrize(("number", "rule"), NUMBERED, ids=NAMES)
def test_a_rule_uses_only_metrics_that_workers_expose(number: int, rule: dict[str, Any]) -> None:
    assert list(selectors(rule["expr"]))
    assert unknown_selectors(rule["expr"]) == []


def test_a_metric_or_label_that_nothing_exposes_is_detected() -> None:
    expression = 'max by (queue) (rate(sichtflug_lag_second{partition="0"}[5m] offset 1d)) > 1 and on () up{jobs="x"}'
    assert set(selectors(expression)) == {
        Selector("sichtflug_lag_second", frozenset({"partition"})),
        Selector("up", frozenset({"jobs"})),
    }
    assert len(unknown_selectors(expression)) == 2


def inhibited(source: dict[str, str], target: dict[str, str]) -> bool:
    """Return whether Alertmanager inhibits an alert while another one fires."""
    return any(
        _matches(rule["source_matchers"], source) and _matches(rule["target_matchers"], target)
        for rule in yaml.safe_load(ALERTMANAGER.read_text())["inhibit_rules"]
    )


def _matches(matchers: list[str], labels: dict[str, str]) -> bool:
    for matcher in matchers:
        parts = re.fullmatch(r'(\w+) (=|!=|=~|!~) "(.*)"', matcher)
        assert parts, matcher
        name, operator, wanted = parts.groups()
        value = labels.get(name, "")
        is_match = bool(re.fullmatch(wanted, value)) if "~" in operator else value == wanted
        if is_match == operator.startswith("!"):
            return False
    return True


def test_while_no_worker_answers_only_the_cause_is_notified() -> None:
    paging, ticketing = ({"alertname": "WorkerDown", "severity": severity} for severity in ("page", "ticket"))
    brake = {"alertname": "DeadLetterBrake", "severity": "page"}
    for name in set(alert_names()) - {"WorkerDown", "DeadLetterBrake"}:
        assert inhibited(paging, {"alertname": name})
        assert not inhibited(ticketing, {"alertname": name})
        assert not inhibited({"alertname": name, "stage": "interactions"}, paging)
    assert inhibited(brake, paging)
    assert not inhibited(paging, brake)
    assert not inhibited(paging, paging)


def test_files_referred_to_exist() -> None:
    document = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert document["rule_files"] == [RULES.name]
    assert (ROOT / document["global"]["external_labels"]["runbooks"]) == RUNBOOKS
