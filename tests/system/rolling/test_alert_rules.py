"""Alert rules and routes are valid to promtool and amtool, and their tests detect broken rules."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.alert_rules import ALERTMANAGER, NAMES, NUMBERED, PROMETHEUS, RULE_TESTS, RULES, alert_names
from tests.support.programs import run


@pytest.mark.parametrize(
    "command",
    [
        ("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES),
        ("promtool", "check", "config", PROMETHEUS / "prometheus.yml"),
        ("amtool", "check-config", ALERTMANAGER),
    ],
    ids=["rules", "Prometheus", "Alertmanager"],
)
def test_the_tools_accept_the_files(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", alert_names())
def test_an_alert_fires_and_stays_silent_as_its_tests_say(alert: str) -> None:
    done = run("promtool", "test", "rules", RULE_TESTS / f"{alert}.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", ["vector(1)", "vector(1) == 0"], ids=["always fires", "never fires"])
@pytest.mark.parametrize(("number", "rule"), NUMBERED, ids=NAMES)
def test_the_rule_tests_detect_a_rule_that(expression: str, number: int, rule: dict[str, Any], tmp_path: Path) -> None:
    document = yaml.safe_load(RULES.read_text())
    [any_rule for group in document["groups"] for any_rule in group["rules"]][number]["expr"] = expression
    (tmp_path / RULES.name).write_text(yaml.safe_dump(document))
    tests = tmp_path / "tests" / f"{rule['alert']}.yml"
    tests.parent.mkdir()
    tests.write_text((RULE_TESTS / tests.name).read_text())
    done = run("promtool", "test", "rules", tests)
    assert done.returncode != 0
    assert f"alertname: {rule['alert']}" in done.stdout + done.stderr


@pytest.mark.parametrize("severity", ["page", "ticket"])
def test_a_severity_goes_to_its_receiver(severity: str) -> None:
    done = run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"severity={severity}")
    assert (done.returncode, done.stdout.strip()) == (0, severity), done.stderr
