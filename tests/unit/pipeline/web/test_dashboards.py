"""Dashboards as the page reads them from files."""

from pathlib import Path

import pytest

from pipeline.errors import DashboardError
from pipeline.web.dashboards import Dashboards, default_directory
from tests.support.web.small_dashboards import write_dashboard


def test_a_file_that_is_not_a_dashboard_and_a_duplicate_uid_are_refused(tmp_path: Path) -> None:
    write_dashboard(tmp_path, "small", [])
    (tmp_path / "other.json").write_text((tmp_path / "small.json").read_text())
    with pytest.raises(DashboardError, match="that of another file"):
        Dashboards(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DashboardError, match="expected a dashboard"):
        Dashboards(tmp_path)


def test_a_description_omits_what_only_grafana_can_fill_in() -> None:
    found = [
        panel["description"]
        for dashboard in Dashboards(default_directory())
        for panel in dashboard.shown()["panels"][1:2]
    ]
    assert len(found) == 6
    assert [text for text in found if "$" in text or not text.endswith(".")] == []
