"""The page's server on the real engine: what it answers, and what nobody gets out of it or into it."""

import contextlib
import http.server
import json
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.errors import DashboardError, PortError
from pipeline.settings import Settings
from pipeline.web.dashboards import Dashboards, default_directory
from pipeline.web.frames import Column, FrameError, as_series, read_columns
from pipeline.web.request import BadRequestError, read_request
from pipeline.web.server import PageServer
from tests.browser.test_draws import PHONE, browsed, states
from tests.support.browser import CHROMIUM
from tests.support.page import Page, panel, served, write_dashboard
from tests.support.requirement import require

NOW_MS = 1_767_344_645_678
HOSTILE = ["north", "o'brien", "back\\slash\\", "'); DROP TABLE places --", "$__fromTime", "${window}"]
PLACES = "$__conditionalAll(place IN (${place:singlequote}), $place)"
PANELS = [
    panel(1, "timeseries", "SELECT $__fromTime AS time, place, 1 AS one FROM places ORDER BY time, place", 0),
    panel(2, "table", f"SELECT place, seen FROM places WHERE {PLACES} ORDER BY place"),
    panel(3, "stat", "SELECT ${window} AS seconds"),
    panel(4, "stat", "SELECT * FROM nowhere"),
    panel(5, "stat", "SELECT $__nothing"),
    panel(6, "stat", "CREATE TABLE made (a UInt8) ENGINE = Memory"),
    panel(7, "table", "SELECT number FROM numbers(60000)"),
    panel(8, "timeseries", "SELECT 1 AS one", 0),
    panel(9, "timeseries", "", targets=[{"expr": "rate(x[$__rate_interval])", "legendFormat": "{{partition}}"}]),
    panel(10, "stat", "SELECT sleepEachRow(3) FROM numbers(20) SETTINGS max_block_size = 1"),
]


@pytest.fixture(scope="module")
def database(clickhouse: EmbeddedClickHouse) -> Iterator[ClickHouse]:
    """A migrated database, with a table of places of which some have hostile names."""
    name = f"page_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    door = ClickHouse(clickhouse.url, name)
    door.execute("CREATE TABLE places (place String, seen UInt64) ENGINE = MergeTree ORDER BY place")
    values = ", ".join(f"({_literal(place)}, {at})" for at, place in enumerate(HOSTILE))
    door.execute(f"INSERT INTO places VALUES {values}")
    yield door
    door.execute(f"DROP DATABASE {name}")
    door.close()


@pytest.fixture(scope="module")
def page(
    clickhouse: EmbeddedClickHouse, database: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    directory = tmp_path_factory.mktemp("dashboards")
    write_dashboard(directory, "small", PANELS)
    with served(clickhouse.url, database.database, directory) as running:
        yield running


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# ---- what it answers


def test_a_time_series_comes_as_one_series_per_label(page: Page) -> None:
    found = page.panel("small", 1, {"from": "1767323045678", "to": "1767326645678"}).json
    assert (found["from_ms"], found["to_ms"]) == (1_767_323_045_678, 1_767_326_645_678)
    [frame] = found["frames"]
    assert frame["times"] == [1_767_323_045_000]
    assert [series["name"] for series in frame["series"]] == sorted(HOSTILE)
    assert {tuple(series["values"]) for series in frame["series"]} == {(1,)}


@pytest.mark.parametrize("place", HOSTILE)
def test_a_chosen_value_selects_its_rows_whatever_it_contains(page: Page, place: str) -> None:
    found = page.panel("small", 2, {"var-place": place}).json
    assert [column["values"] for column in found["frames"][0]["columns"]] == [[place], [HOSTILE.index(place)]]


def test_several_values_and_all_values(page: Page) -> None:
    def seen(*chosen: str) -> list[int]:
        frame = page.panel("small", 2, {"var-place": chosen}).json["frames"][0]
        return sorted(frame["columns"][1]["values"])

    assert seen("north", "o'brien") == [0, 1]
    assert seen("$__all") == seen() == list(range(len(HOSTILE)))


def test_a_single_variable_has_its_default_and_takes_its_options(page: Page) -> None:
    assert page.panel("small", 3).json["frames"][0]["columns"][0]["values"] == [3600]
    assert page.panel("small", 3, {"var-window": "300"}).json["frames"][0]["columns"][0]["values"] == [300]
    options = page.get("/api/dashboards/small/variables/place?from=now-1h&to=now").json
    assert [option["value"] for option in options] == sorted(HOSTILE)


def test_the_browser_is_told_no_query(page: Page) -> None:
    told = page.get("/api/dashboards/small").body.decode()
    assert '"title":"Panel 1"' in told
    assert "SELECT" not in told
    assert "expr" not in told


# ---- a panel that fails says why, and only it fails


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (4, "nowhere"),
        (5, "$__nothing is not a macro"),
        (6, "READONLY"),
        (7, "Limit for result exceeded"),
        (8, "expected a time as the first column of a time series, found one (number)"),
        (9, "set SICHTFLUG_PROMETHEUS_URL"),
    ],
)
def test_a_failing_panel_says_why(page: Page, number: int, told: str) -> None:
    found = page.panel("small", number)
    assert found.status == 502
    assert told in found.error
    assert page.panel("small", 3).status == 200


def test_a_query_that_takes_too_long_is_ended(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.web.queries.LIMITS", {"max_execution_time": 1, "readonly": 2})
    begun = time.monotonic()
    assert "TIMEOUT_EXCEEDED" in page.panel("small", 10).error
    assert time.monotonic() - begun < 20


def test_without_tables_it_says_what_to_run(clickhouse: EmbeddedClickHouse) -> None:
    with served(clickhouse.url, "nowhere_at_all") as page:
        uid = page.get("/api/dashboards").json[0]["uid"]
        found = page.panel(uid, 2)
        assert (found.status, "run: sichtflug migrate" in found.error) == (502, True)


def test_on_an_empty_database_no_panel_fails(clickhouse: EmbeddedClickHouse, database: ClickHouse) -> None:
    asked = 0
    with served(clickhouse.url, database.database) as page:
        for dashboard in Dashboards(default_directory()):
            assert page.get(f"/api/dashboards/{dashboard.uid}/annotations").json == []
            for number, found in dashboard.panels.items():
                if not any("rawSql" in target for target in found.get("targets", [])):
                    continue
                answer = page.panel(dashboard.uid, number)
                assert answer.status == 200, f"{dashboard.uid}, {found['title']}: {answer.body.decode()}"
                assert answer.json["watermark"] == {"holds_for_ms": 0, "is_stale": False}
                asked += 1
    assert asked > 40


# ---- the watermark


def test_a_panel_says_for_when_it_holds_and_that_it_is_stale(clickhouse: EmbeddedClickHouse, tmp_path: Path) -> None:
    # settled ---- 10 minutes ---- now: stale for a range up to now, not for one that ends before.
    name = f"stale_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    door = ClickHouse(clickhouse.url, name)
    settled_ms = (int(time.time()) - 600) * 1000
    _insert_checkpoint(door, 0, settled_ms)
    _insert_checkpoint(door, 1, settled_ms + 300_000)
    write_dashboard(tmp_path / "boards", "small", [panel(1, "stat", "SELECT 1 AS one")])
    with served(clickhouse.url, name, tmp_path / "boards") as page:
        assert page.panel("small", 1).json["watermark"] == {"holds_for_ms": settled_ms, "is_stale": True}
        past = {"from": str(settled_ms - 3_600_000), "to": str(settled_ms + 60_000)}
        assert page.panel("small", 1, past).json["watermark"] == {"holds_for_ms": settled_ms, "is_stale": False}
        # Nothing comes, but stage 2 has judged the minute before this one: the numbers hold for its end.
        minute = int(time.time()) // 60 - 1
        door.execute(f"INSERT INTO rolling_checkpoints (log, minute) VALUES ('interactions', {minute})")
        time.sleep(1.1)
        assert page.panel("small", 1).json["watermark"] == {"holds_for_ms": (minute + 1) * 60_000, "is_stale": False}
    door.execute(f"DROP DATABASE {name}")
    door.close()


def _insert_checkpoint(door: ClickHouse, partition: int, watermark_ms: int) -> None:
    door.execute(
        "INSERT INTO ledger (log, kind, kafka_partition, epoch, revision, watermark) SELECT "
        f"'interactions', 'checkpoint', {partition}, 1, 1, fromUnixTimestamp64Milli({watermark_ms})"
    )


# ---- what it refuses


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"var-place": "x') OR 1=1 --"}, 'var-place="x\') OR 1=1 --": expected $__all or one of the 6 values'),
        ({"var-place": ["north", "south"]}, "'south'"),
        ({"var-place": ""}, "var-place=''"),
        ({"var-window": "1) UNION SELECT 1 --"}, "one of the 2 values"),
        ({"var-window": ["300", "3600"]}, "expected one value, found 2"),
        ({"var-window": "$__all"}, "expected one value"),
        ({"var-nobody": "1"}, "expected var-place, var-window"),
        ({"sql": "SELECT 1"}, "expected from, to and width"),
        ({"query": "SELECT 1"}, "expected from, to and width"),
        ({"from": "now() OR 1"}, "expected epoch milliseconds"),
        ({"from": "1e3"}, "expected epoch milliseconds"),
        ({"from": "-1"}, "expected epoch milliseconds"),
        ({"from": "٣"}, "expected epoch milliseconds"),
        ({"to": "99999999999999"}, "expected epoch milliseconds"),
        ({"from": "now-99999y"}, "one second to 800 days"),
        ({"from": "now", "to": "now-1h"}, "`from` before `to`"),
        ({"from": ["now-1h", "now-2h"]}, "each once"),
        ({"width": "wide"}, "expected pixels"),
    ],
)
def test_a_value_that_is_not_one_of_its_own_is_refused(page: Page, parameters: dict[str, object], told: str) -> None:
    found = page.panel("small", 2, parameters)
    assert found.status == 400
    assert told in found.error


@pytest.mark.parametrize(
    "path",
    [
        "/page/../settings.py",
        "/page/%2e%2e/settings.py",
        "/page/..%2fsettings.py",
        "/page//etc/passwd",
        "/page/%2Fetc%2Fpasswd",
        "/page/vendor/uplot/../../../cli.py",
        "/page/index.html%00.js",
        "/page/",
        "/page",
        "/../../etc/passwd",
        "/d/small/../../../etc/passwd",
        "/etc/passwd",
        "/api",
        "/api/dashboards/nobody",
        "/api/dashboards/..%2f..%2fetc%2fpasswd",
        "/api/dashboards/small/panels/99",
        "/api/dashboards/small/panels/-1",
        "/api/dashboards/small/panels/1%20OR%201=1",
        "/api/dashboards/small/panels/%D9%A1",
        "/api/dashboards/small/panels/1/more",
        "/api/dashboards/small/variables/nobody",
        "/api/dashboards/small/variables/datasource",
        "//[/",
    ],
)
def test_no_path_leads_out(page: Page, path: str) -> None:
    found = page.get(path)
    assert found.status == 404
    assert "not found" in found.error


@pytest.mark.parametrize("path", ["/page/%ff", "/api/dashboards/small/panels/2?var-place=%ff"])
def test_what_is_no_text_is_refused(page: Page, path: str) -> None:
    assert page.get(path).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_get(page: Page, method: str) -> None:
    found = page.get("/api/dashboards/small/panels/3", method)
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9109", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_a_foreign_name_is_refused(page: Page, host: str) -> None:
    assert page.get("/api/dashboards", Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:1", "[::1]:1", "192.168.1.7"])
def test_its_own_names_are_not(page: Page, host: str) -> None:
    assert page.get("/api/dashboards", Host=host).status == 200


@pytest.mark.parametrize("path", ["/", "/d/small", "/page/main.js", "/api/dashboards", "/nothing"])
def test_every_answer_has_headers_that_keep_a_browser_from_harm(page: Page, path: str) -> None:
    headers = page.get(path).headers
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_the_page_has_no_script_or_style_of_its_own_inside(page: Page) -> None:
    text = page.get("/").body.decode()
    assert "<style" not in text
    assert "style=" not in text
    assert text.count("<script") == text.count('<script type="module" src=')
    assert page.get("/", "HEAD").body == b""


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [("from=now-2h&to=now-1h", "drawn"), ("from=1767323045678&to=1767326645678", "drawn"), ("from=yesterday", "error")],
)
def test_any_time_range_in_the_address_is_shown_or_said_to_be_wrong(
    page: Page, tmp_path: Path, parameters: str, expected: str
) -> None:
    require(CHROMIUM is not None, "chromium is not installed")
    _, document = browsed(page, f"/d/small?{parameters}&var-window=300", PHONE, tmp_path)
    assert states(document)["3"] == expected
    assert ("expected epoch milliseconds" in document) == (expected == "error")


def test_a_hostile_value_in_the_address_stays_text(page: Page, tmp_path: Path) -> None:
    require(CHROMIUM is not None, "chromium is not installed")
    hostile = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    _, document = browsed(page, f"/d/small?var-place={hostile}&var-window={hostile}", PHONE, tmp_path)
    assert set(states(document).values()) == {"error"}
    assert "<img" not in document
    assert "&lt;img src=x onerror" in document


# ---- Prometheus


@contextlib.contextmanager
def prometheus(status: int, answer: object) -> Iterator[tuple[str, list[str]]]:
    """Something that answers like Prometheus, and what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_prometheus_is_asked_the_panels_own_expression(
    clickhouse: EmbeddedClickHouse, database: ClickHouse, tmp_path: Path
) -> None:
    write_dashboard(tmp_path / "boards", "small", PANELS)
    result = [
        {"metric": {"partition": "0"}, "values": [[1000, "1.5"], [1060, "NaN"]]},
        {"metric": {"partition": "1"}, "values": [[1060, "2"]]},
    ]
    with (
        prometheus(200, {"status": "success", "data": {"resultType": "matrix", "result": result}}) as (url, asked),
        served(clickhouse.url, database.database, tmp_path / "boards", prometheus_url=url) as page,
    ):
        found = page.panel("small", 9, {"from": "1000000", "to": "4600000"}).json
    [frame] = found["frames"]
    assert frame["times"] == [1_000_000, 1_060_000]
    assert frame["series"] == [{"name": "0", "values": [1.5, None]}, {"name": "1", "values": [None, 2.0]}]
    assert found["watermark"] is None
    assert asked == ["/api/v1/query_range?query=rate%28x%5B60s%5D%29&start=1000.000&end=4600.000&step=15"]


def test_an_error_of_prometheus_is_the_panels(
    clickhouse: EmbeddedClickHouse, database: ClickHouse, tmp_path: Path
) -> None:
    write_dashboard(tmp_path / "boards", "small", PANELS)
    with (
        prometheus(400, {"status": "error", "error": "parse error"}) as (url, _),
        served(clickhouse.url, database.database, tmp_path / "boards", prometheus_url=url) as page,
    ):
        assert page.panel("small", 9).error == "Prometheus: parse error"
    with served(clickhouse.url, database.database, tmp_path / "boards", prometheus_url="http://127.0.0.1:1") as page:
        assert "does not answer" in page.panel("small", 9).error


# ---- parts


def test_points_stand_as_far_apart_as_they_can_be_told_apart() -> None:
    # 6 hours on 800 pixels: 21,600 s / 266 points = 81 s, so 120; on 4,000 pixels 16 s, so 30, or the panel's minute.
    request = read_request("from=now-6h&to=now&width=800", NOW_MS)
    assert (request.to_ms, request.to_ms - request.from_ms) == (NOW_MS, 21_600_000)
    assert request.interval_seconds() == 120
    wide = read_request("from=now-6h&to=now&width=4000", NOW_MS)
    assert (wide.interval_seconds(), wide.interval_seconds("1m")) == (30, 60)


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(BadRequestError, match="at most 2000"):
        read_request("&".join(f"var-a={number}" for number in range(2001)), NOW_MS)


def test_series_are_named_by_their_labels_and_by_their_column_where_there_are_several() -> None:
    time_column, label = Column("time", "time", [1, 1, 2]), Column("queue", "text", ["a", "", "a"])
    one = as_series([time_column, label, Column("open", "number", [5, 6, 7])])
    assert [(series.name, series.values) for series in one.series or ()] == [("a", [5, 7]), ("(unknown)", [6, None])]
    two = as_series([time_column, label, Column("open", "number", [5, 6, 7]), Column("due", "number", [1, 2, 3])])
    assert [series.name for series in two.series or ()] == ["open a", "due a", "open", "due"]
    with pytest.raises(FrameError, match="found queue"):
        as_series([label])


def test_a_file_that_is_no_dashboard_and_a_uid_given_twice_are_refused(tmp_path: Path) -> None:
    write_dashboard(tmp_path, "small", [])
    (tmp_path / "other.json").write_text((tmp_path / "small.json").read_text())
    with pytest.raises(DashboardError, match="that of another file"):
        Dashboards(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DashboardError, match="expected a dashboard"):
        Dashboards(tmp_path)


def test_a_port_that_is_taken_is_said(page: Page) -> None:
    with pytest.raises(PortError, match=f"SICHTFLUG_PAGE_PORT={page.port}: cannot listen"):
        PageServer(Settings(page_port=page.port))


def test_a_description_is_without_what_only_grafana_can_fill_in() -> None:
    found = [panel["description"] for one in Dashboards(default_directory()) for panel in one.shown()["panels"][1:2]]
    assert len(found) == 6
    assert [text for text in found if "$" in text or not text.endswith(".")] == []


def test_a_day_is_shown_as_a_day_and_drawn_at_its_start_in_utc() -> None:
    body = (
        b'{"meta": [{"name": "day", "type": "Date"}, {"name": "open", "type": "Int64"}], "data": [["2026-11-26", "3"]]}'
    )
    columns = read_columns(body)
    assert [(column.kind, column.values) for column in columns] == [("day", ["2026-11-26"]), ("number", [3])]
    # 2026-11-26 is day 20,783 since 1970-01-01: 20,783 * 86,400,000.
    assert as_series(columns).times == [1_795_651_200_000]
