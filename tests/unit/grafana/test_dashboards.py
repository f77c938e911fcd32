"""Dashboards have a shape that Grafana accepts and people can read, and contain nothing that is not generated."""

import itertools
import re
from typing import Any

import msgspec
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana import build
from grafana.panels import CLICKHOUSE
from grafana.query_files import query
from tests.support.web.dashboards import Json, alerts, clickhouse_queries, dashboards, panels

DASHBOARDS = {dashboard["uid"]: dashboard for dashboard in dashboards()}
KINDS = {"stat", "timeseries", "table", "barchart", "row"}
UNITS = {"short", "percentunit", "s", "dtdurations", "dateTimeAsIso", "string"}


def test_the_files_equal_the_output_of_build() -> None:
    written = [build.RULES, *build.DASHBOARDS.glob("*.json")]
    assert {path: path.read_text(encoding="utf-8") for path in written} == build.built()
    assert len(DASHBOARDS) == 6


def test_every_query_file_is_used() -> None:
    used = {query.sql for query in (*clickhouse_queries(), *alerts())}
    for path in (build.DASHBOARDS.parent / "queries").rglob("*.sql"):
        name = path.relative_to(build.DASHBOARDS.parent / "queries").with_suffix("").as_posix()
        assert query(name).sql in used, name


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_grafana_knows_every_key(uid: str) -> None:
    # Keys unknown to the types of Grafana 11.6 get lost on the way through them.
    dashboard = msgspec.json.decode(msgspec.json.encode(DASHBOARDS[uid]))
    for annotation in dashboard["annotations"]["list"]:
        # The data source's own keys; Grafana passes them on unchanged.
        del annotation["target"]
    again = msgspec.json.decode(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard)))
    assert missing(dashboard, again) == []


def missing(wanted: Any, found: Any, where: str = "") -> list[str]:
    """Return what is in `wanted` and not in `found`."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            text
            for key, value in wanted.items()
            for text in (
                missing(value, found[key], f"{where}.{key}") if key in found else lost(value, f"{where}.{key}")
            )
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [text for at, (one, other) in pairs for text in missing(one, other, f"{where}[{at}]")]
    return [] if wanted == found else [f"{where}: {wanted!r} became {found!r}"]


def lost(value: Any, where: str) -> list[str]:
    """Ignore empty values, which may be left out."""
    return [] if value in (None, "", False, [], {}) else [f"{where}: {value!r} got lost"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_panels_have_a_position_a_title_and_a_description(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    assert re.fullmatch(r"[a-z-]{1,40}", uid)
    assert dashboard["editable"] is False
    assert "__inputs" not in dashboard
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels(dashboard):
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["description"].endswith(".")
        if panel["datasource"] == CLICKHOUSE:
            assert panel["description"].endswith("\n\nHolds for ${holds_for}.")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        for override in panel["fieldConfig"]["overrides"]:
            for item in override["properties"]:
                assert item["id"] != "unit" or item["value"] in UNITS
        assert panel["datasource"]["uid"] in ("${datasource}", "${prometheus}")
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_panels_do_not_overlap(uid: str) -> None:
    places = [panel["gridPos"] for panel in DASHBOARDS[uid]["panels"]]
    for place in places:
        assert all(isinstance(value, int) for value in place.values())
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in itertools.combinations(places, 2):
        assert not overlap(one, other), (one, other)


def overlap(one: Json, other: Json) -> bool:
    """Return whether two positions on the grid share a cell."""
    starts = max(one["x"], other["x"]), max(one["y"], other["y"])
    ends = min(one["x"] + one["w"], other["x"] + other["w"]), min(one["y"] + one["h"], other["y"] + other["h"])
    return bool(starts[0] < ends[0] and starts[1] < ends[1])


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_variables_and_links_resolve(uid: str) -> None:
    dashboard = DASHBOARDS[uid]
    text = msgspec.json.encode(dashboard).decode()
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)[:}]", text)) | set(re.findall(r", \$(\w+)\)", text))
    assert {name for name in used if not name.startswith("__")} <= known
    for target in re.findall(r'"/d/([^?"]+)', text):
        assert target in DASHBOARDS
    for variable in dashboard["templating"]["list"]:
        assert variable["type"] != "query" or variable["refresh"] == 2
