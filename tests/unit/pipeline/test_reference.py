"""The reference pages equal the code's output and are complete."""

import re
from pathlib import Path

import pytest

from pipeline.clickhouse.sql_files import available
from pipeline.reference import pages
from pipeline.settings import TABLES, Settings

PAGES = Path(__file__).resolve().parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", pages())
def test_the_committed_page_is_current(name: str) -> None:
    """On a failure run `python -m pipeline.reference`, and read what it changed."""
    assert (PAGES / name).read_text(encoding="utf-8") == pages()[name]


def test_every_setting_command_and_metric_has_a_meaning() -> None:
    found = pages()
    assert all(
        f"`SICHTFLUG_{name.upper()}`" in found["settings.md"] for name in set(Settings.__struct_fields__) - TABLES
    )
    assert {"## sichtflug worker", "## sichtflug dead-letters redrive"} <= set(found["cli.md"].splitlines())
    assert "| `sichtflug_spike_ratio` | gauge |" in found["metrics.md"]
    views = set(re.findall(r"^### (\w+)", found["views.md"], re.MULTILINE))
    texts = (statement for file in available() for statement in file.statements)
    assert views == {name for text in texts for name in re.findall(r"CREATE OR REPLACE VIEW (\w+)", text)}
    rows = [line for page in found.values() for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.endswith(("|  |", "| None |"))] == []
