"""A spike reaches a webhook through worker, Prometheus and Alertmanager as deployed, except for shorter intervals."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from pipeline.embedded.child import Child
from pipeline.embedded.servers import answers, free_port
from tests.support.alert_rules import ALERTMANAGER, PROMETHEUS, RULES, rules, selectors
from tests.support.programs import program
from tests.support.system import System, wait_for
from tests.support.traffic import NineDays, minute_of


class Webhook:
    """The notifications of Alertmanager's receivers, by the path of their URLs."""

    def __init__(self) -> None:
        self.notifications: list[tuple[str, dict[str, Any]]] = []
        notifications = self.notifications

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                notifications.extend((self.path, alert) for alert in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Log nothing: what matters is in `notifications`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def alerts(self, path: str, name: str, status: str) -> list[dict[str, Any]]:
        """Return the notifications of a name and status (firing or resolved) at a path."""
        return [
            alert
            for at, alert in self.notifications
            if at == path and alert["labels"]["alertname"] == name and alert["status"] == status
        ]


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.stop()


def alertmanager(directory: Path, port: int, webhook: str) -> Child:
    """Run Alertmanager with the deployed configuration, without delays, and with our receivers."""
    document = yaml.safe_load(ALERTMANAGER.read_text())
    document["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    for receiver in document["receivers"]:
        for webhook_config in receiver["webhook_configs"]:
            webhook_config["url"] = f"{webhook}/{webhook_config['url'].rpartition('/')[2]}"
    file = directory / "alertmanager.yml"
    file.write_text(yaml.safe_dump(document))
    arguments = [f"--config.file={file}", f"--storage.path={directory / 'alertmanager'}", "--cluster.listen-address="]
    address = f"--web.listen-address=127.0.0.1:{port}"
    return Child([program("prometheus-alertmanager"), *arguments, address], log=directory / "alertmanager.log")


def prometheus(directory: Path, port: int, worker_port: int, alertmanager_port: int) -> Child:
    """Run Prometheus with the deployed configuration and rules, scraping every second and dropping ended series."""
    document = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    document["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    document["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{worker_port}"]}]
    document["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(document))
    deployed = yaml.safe_load(RULES.read_text())
    for rule in (rule for group in deployed["groups"] for rule in group["rules"]):
        rule.pop("keep_firing_for", None)
    (directory / RULES.name).write_text(yaml.safe_dump(deployed))
    arguments = [f"--config.file={file}", f"--storage.tsdb.path={directory / 'prometheus'}"]
    address = f"--web.listen-address=127.0.0.1:{port}"
    return Child([program("prometheus"), *arguments, address], log=directory / "prometheus.log")


@pytest.mark.embedded_broker
def test_a_spike_notifies_when_it_begins_and_when_it_ends(system: System, webhook: Webhook, tmp_path: Path) -> None:
    for name in ("prometheus", "prometheus-alertmanager"):
        program(name)
    days = NineDays()
    middle = days.burst.start + 8
    system.start_worker(metrics_port="0")
    system.publish(record for record in days.records() if minute_of(record[1]) < middle)
    wait_for(lambda: system.evaluated_minute() >= middle - 2, 120, system.log)
    worker_port = int(system.log().split("metrics on http://127.0.0.1:")[1].partition("/")[0])
    port, prometheus_port = free_port(), free_port()
    routing = alertmanager(tmp_path, port, webhook.url)
    watching = prometheus(tmp_path, prometheus_port, worker_port, port)

    def words() -> str:
        return f"{webhook.notifications}\n{routing.log_tail()}\n{watching.log_tail()}\n{system.log()[-1000:]}"

    try:
        wait_for(lambda: answers(port) and answers(prometheus_port), 30, words)
        wait_for(lambda: bool(webhook.alerts("/page", "EscalationSpike", "firing")), 30, words)
        [alert, *_] = webhook.alerts("/page", "EscalationSpike", "firing")
        assert alert["labels"].keys() == {"alertname", "severity", "scope"} | (
            alert["labels"].keys() & {"queue", "channel"}
        )
        assert {alert["labels"].get("queue", "billing"), alert["labels"].get("channel", "web_chat")} == {
            "billing",
            "web_chat",
        }
        assert "times as many escalations as expected" in alert["annotations"]["summary"]
        assert float(alert["annotations"]["summary"].split()[0]) > 3
        assert alert["annotations"]["runbook_url"] == "docs/runbooks/EscalationSpike.md"
        assert alert["annotations"]["dashboard_url"].startswith("http://127.0.0.1:3000/d/sichtflug-escalations")
        assert webhook.alerts("/page", "EscalationSpike", "resolved") == []

        with urlopen(f"http://127.0.0.1:{worker_port}/metrics") as answer:
            shown = answer.read().decode()
        asked_for = {selector.metric for rule in rules() for selector in selectors(rule["expr"])} - {"up"}
        assert {name for name in asked_for if f"\n{name}" not in shown} == set()

        # The end of the burst and what follows arrive at once, so that no window is written for each minute.
        system.publish(record for record in days.records() if minute_of(record[1]) >= days.burst.stop)
        wait_for(lambda: bool(webhook.alerts("/page", "EscalationSpike", "resolved")), 60, words)
        [ended, *_] = webhook.alerts("/page", "EscalationSpike", "resolved")
        assert (ended["labels"], ended["startsAt"]) == (alert["labels"], alert["startsAt"])
        assert {alert["labels"]["alertname"] for _, alert in webhook.notifications} <= {
            "EscalationSpike",
            "InflowSpike",
        }
    finally:
        watching.stop()
        routing.stop()
