"""Answers of the page's server on the real engine: values, failing panels, and the instant a panel is valid for."""

import secrets
import time
from pathlib import Path

import pytest

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.web.dashboards import Dashboards, default_directory
from tests.support.places import HOSTILE
from tests.support.web.page import Page, served
from tests.support.web.small_dashboards import panel, write_dashboard


def test_a_time_series_is_returned_as_one_series_per_label(page: Page) -> None:
    found = page.panel("small", 1, {"from": "1767323045678", "to": "1767326645678"}).json
    assert (found["from_ms"], found["to_ms"]) == (1_767_323_045_678, 1_767_326_645_678)
    [frame] = found["frames"]
    assert frame["times"] == [1_767_323_045_000]
    assert [series["name"] for series in frame["series"]] == sorted(HOSTILE)
    assert {tuple(series["values"]) for series in frame["series"]} == {(1,)}


@pytest.mark.parametrize("place", HOSTILE)
def test_a_selected_value_filters_its_rows_whatever_it_contains(page: Page, place: str) -> None:
    found = page.panel("small", 2, {"var-place": place}).json
    assert [column["values"] for column in found["frames"][0]["columns"]] == [[place], [HOSTILE.index(place)]]


def test_several_values_and_all_values_can_be_selected(page: Page) -> None:
    def seen(*chosen: str) -> list[int]:
        frame = page.panel("small", 2, {"var-place": chosen}).json["frames"][0]
        return sorted(frame["columns"][1]["values"])

    assert seen("north", "o'brien") == [0, 1]
    assert seen("$__all") == seen() == list(range(len(HOSTILE)))


def test_a_single_choice_variable_has_a_default_and_accepts_its_options(page: Page) -> None:
    assert page.panel("small", 3).json["frames"][0]["columns"][0]["values"] == [3600]
    assert page.panel("small", 3, {"var-window": "300"}).json["frames"][0]["columns"][0]["values"] == [300]
    options = page.get("/api/dashboards/small/variables/place?from=now-1h&to=now").json
    assert [option["value"] for option in options] == sorted(HOSTILE)


def test_no_query_is_sent_to_the_browser(page: Page) -> None:
    description = page.get("/api/dashboards/small").body.decode()
    assert '"title":"Panel 1"' in description
    assert "SELECT" not in description
    assert "expr" not in description


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (4, "nowhere"),
        (5, "$__nothing is not a macro"),
        (6, "READONLY"),
        (7, "Limit for result exceeded"),
        (8, "expected a time as the first column of a time series, found one (number)"),
        (9, "set SICHTFLUG_PROMETHEUS_URL"),
    ],
)
def test_a_failing_panel_shows_its_error(page: Page, number: int, message: str) -> None:
    found = page.panel("small", number)
    assert found.status == 502
    assert message in found.error
    assert page.panel("small", 3).status == 200


def test_a_query_that_takes_too_long_is_cancelled(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.queries.LIMITS", {"max_execution_time": 1, "readonly": 2})
    begun = time.monotonic()
    assert "TIMEOUT_EXCEEDED" in page.panel("small", 10).error
    assert time.monotonic() - begun < 20


def test_without_tables_the_page_names_the_command_to_run(clickhouse: EmbeddedClickHouse) -> None:
    with served(clickhouse.url, "nowhere_at_all") as page:
        uid = page.get("/api/dashboards").json[0]["uid"]
        found = page.panel(uid, 2)
        assert (found.status, "run: sichtflug migrate" in found.error) == (502, True)


def test_on_an_empty_database_no_panel_fails(clickhouse: EmbeddedClickHouse, database: ClickHouse) -> None:
    panel_count = 0
    with served(clickhouse.url, database.database) as page:
        for dashboard in Dashboards(default_directory()):
            assert page.get(f"/api/dashboards/{dashboard.uid}/annotations").json == []
            for number, found in dashboard.panels.items():
                if not any("rawSql" in target for target in found.get("targets", [])):
                    continue
                answer = page.panel(dashboard.uid, number)
                assert answer.status == 200, f"{dashboard.uid}, {found['title']}: {answer.body.decode()}"
                assert answer.json["watermark"] == {"holds_for_ms": 0, "is_stale": False}
                panel_count += 1
    assert panel_count > 40


def test_a_panel_shows_the_instant_it_is_valid_for_and_when_it_is_stale(
    clickhouse: EmbeddedClickHouse, tmp_path: Path
) -> None:
    # watermark ---- 10 minutes ---- now: stale for a range up to now, not for one that ends earlier.
    name = f"stale_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    client = ClickHouse(clickhouse.url, name)
    settled_ms = (int(time.time()) - 600) * 1000
    _insert_checkpoint(client, 0, settled_ms)
    _insert_checkpoint(client, 1, settled_ms + 300_000)
    write_dashboard(tmp_path / "boards", "small", [panel(1, "stat", "SELECT 1 AS one")])
    with served(clickhouse.url, name, tmp_path / "boards") as page:
        assert page.panel("small", 1).json["watermark"] == {"holds_for_ms": settled_ms, "is_stale": True}
        past = {"from": str(settled_ms - 3_600_000), "to": str(settled_ms + 60_000)}
        assert page.panel("small", 1, past).json["watermark"] == {"holds_for_ms": settled_ms, "is_stale": False}
        # No events arrive, but the rolling stage has evaluated the last full minute: the numbers are valid at its end.
        minute = int(time.time()) // 60 - 1
        client.execute(f"INSERT INTO rolling_checkpoints (log, minute) VALUES ('interactions', {minute})")
        time.sleep(1.1)
        assert page.panel("small", 1).json["watermark"] == {"holds_for_ms": (minute + 1) * 60_000, "is_stale": False}
    client.execute(f"DROP DATABASE {name}")
    client.close()


def _insert_checkpoint(client: ClickHouse, partition: int, watermark_ms: int) -> None:
    client.execute(
        "INSERT INTO ledger (log, kind, kafka_partition, epoch, revision, watermark) SELECT "
        f"'interactions', 'checkpoint', {partition}, 1, 1, fromUnixTimestamp64Milli({watermark_ms})"
    )
