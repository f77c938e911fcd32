"""Every runbook has the same four sections, and its queries run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.alert_rules import RUNBOOKS, selectors, unknown_selectors
from tests.support.programs import run

SECTIONS = ["Meaning", "Impact", "Diagnosis", "What to do"]
DATABASE = "test_runbooks"
ALL = sorted(RUNBOOKS.glob("*.md"))


def blocks(path: Path, language: str) -> list[str]:
    """Return the contents of the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def client(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    migrations.migrate(clickhouse.url, DATABASE)
    client = ClickHouse(clickhouse.url, DATABASE)
    yield client
    client.execute(f"DROP DATABASE {DATABASE}")
    client.close()


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_runbook_has_all_its_sections_and_none_is_empty(path: Path) -> None:
    title, *parts = re.split(r"^## (.*)$", path.read_text(), flags=re.MULTILINE)
    assert title.strip() == f"# {path.stem}"
    assert parts[::2] == SECTIONS
    assert all(len(text.strip()) > 40 for text in parts[1::2])


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_queries_of_a_runbook_run(path: Path, client: ClickHouse) -> None:
    queries = blocks(path, "sql")
    assert queries
    for query in queries:
        client.rows(query)


def test_a_query_that_does_not_run_is_detected(client: ClickHouse) -> None:
    with pytest.raises(Exception, match="no_such_table"):
        client.rows("SELECT * FROM no_such_table")


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_expressions_of_a_runbook_are_promql_over_exposed_metrics(path: Path, tmp_path: Path) -> None:
    expressions = blocks(path, "promql")
    for expression in expressions:
        assert list(selectors(expression))
        assert unknown_selectors(expression) == []
    named = [{"record": f"runbook:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": path.stem, "rules": named}]}))
    done = run("promtool", "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_links_of_a_runbook_resolve(path: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link
