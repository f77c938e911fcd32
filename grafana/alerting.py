"""Alert rules on ClickHouse, for installations without Prometheus: query, threshold and annotations of each."""

from collections.abc import Sequence

import msgspec

from grafana.panels import CLICKHOUSE, TIME_SERIES, Json, clickhouse
from grafana.query_files import query

DATASOURCE_UID = "sichtflug-clickhouse"
#: Base address of `docs/runbooks`, from Grafana's environment: a notification cannot link to a path of the repository.
RUNBOOKS_URL = "${SICHTFLUG_RUNBOOKS_URL}"
LOOK_BACK_SECONDS = 600


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: it fires when the query's last value is above `above` for `pending`. No rows mean no alarm."""

    name: str
    query: str
    above: float
    pending: str
    severity: str
    summary: str
    board_uid: str
    panel_title: str


RULES: Sequence[Rule] = (
    Rule(
        name="EscalationSpike",
        query="alerts/escalation_spike",
        above=0,
        pending="0s",
        severity="page",
        summary='{{ printf "%.1f" $values.B.Value }} times as many escalations as expected',
        board_uid="sichtflug-escalations",
        panel_title="Spikes",
    ),
    Rule(
        name="SlaAtRisk",
        query="alerts/sla_at_risk",
        above=0,
        pending="3m",
        severity="page",
        summary='{{ printf "%.0f" $values.B.Value }} more SLA targets fall due within 15 minutes than are met then',
        board_uid="sichtflug-backlog",
        panel_title="SLA at risk",
    ),
    Rule(
        name="WatermarkStalled",
        query="alerts/watermark_stalled",
        above=300,
        pending="2m",
        severity="page",
        summary='The numbers are {{ printf "%.0f" $values.B.Value }} s old',
        board_uid="sichtflug-pipeline",
        panel_title="Books by partition",
    ),
    Rule(
        name="BacklogGrowing",
        query="alerts/backlog_growing",
        above=50,
        pending="30m",
        severity="ticket",
        summary='A queue has {{ printf "%.0f" $values.B.Value }} more conversations than yesterday at this hour',
        board_uid="sichtflug-backlog",
        panel_title="By queue",
    ),
    Rule(
        name="DeadLetterRatioHigh",
        query="alerts/dead_letters",
        above=0.01,
        pending="5m",
        severity="ticket",
        summary="{{ humanizePercentage $values.B.Value }} of the events of the last 15 minutes became dead letters",
        board_uid="sichtflug-pipeline",
        panel_title="Dead letters by reason",
    ),
)


def rules(boards: Sequence[Json]) -> Json:
    """Return the file of rules, each in the recommended form: A queries, B reduces to the last value, C compares."""
    by_uid = {board["uid"]: board for board in boards}
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": "sichtflug",
                "folder": "Sichtflug",
                "interval": "1m",
                "rules": [_rule(rule, by_uid[rule.board_uid]) for rule in RULES],
            }
        ],
    }


def _rule(rule: Rule, board: Json) -> Json:
    alert_query = query(rule.query)
    [panel_id] = [panel["id"] for panel in board["panels"] if panel["title"] == rule.panel_title]
    return {
        "uid": f"sichtflug-{rule.name.lower()}",
        "title": rule.name,
        "condition": "C",
        "data": [
            _step(
                DATASOURCE_UID,
                clickhouse(alert_query, TIME_SERIES) | {"datasource": CLICKHOUSE | {"uid": DATASOURCE_UID}},
            ),
            _step("__expr__", _expression("B", {"type": "reduce", "expression": "A", "reducer": "last"})),
            _step(
                "__expr__",
                _expression("C", {"type": "threshold", "expression": "B", "conditions": [_above(rule.above)]}),
            ),
        ],
        "for": rule.pending,
        "keepFiringFor": "3m",
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": rule.severity},
        "annotations": {
            # Grafana expands $ in provisioning files; $$ is a literal $.
            "summary": rule.summary.replace("$", "$$"),
            "description": alert_query.description,
            "runbook_url": f"{RUNBOOKS_URL}/{rule.name}.md",
            "__dashboardUid__": rule.board_uid,
            "__panelId__": str(panel_id),
        },
        "dashboardUid": rule.board_uid,
        "panelId": panel_id,
    }


def _step(datasource_uid: str, model: Json) -> Json:
    return {
        "refId": model["refId"],
        "datasourceUid": datasource_uid,
        "relativeTimeRange": {"from": LOOK_BACK_SECONDS, "to": 0},
        "model": model,
    }


def _expression(name: str, model: Json) -> Json:
    return {"refId": name, "datasource": {"type": "__expr__", "uid": "__expr__"}} | model


def _above(value: float) -> Json:
    return {"evaluator": {"type": "gt", "params": [value]}}
