"""Requests that the page's server refuses."""

from pathlib import Path

import pytest

from pipeline.errors import PortError
from pipeline.settings import Settings
from pipeline.web.server import PageServer
from tests.support.web.page import Page

STATIC = Path(__file__).resolve().parents[3] / "pipeline" / "web" / "static"


@pytest.mark.parametrize(
    ("parameters", "message"),
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
def test_a_value_that_is_not_an_option_is_refused(page: Page, parameters: dict[str, object], message: str) -> None:
    found = page.panel("small", 2, parameters)
    assert found.status == 400
    assert message in found.error


@pytest.mark.parametrize(
    "path",
    [
        "/page/../server.py",
        "/page/%2e%2e/server.py",
        "/page/..%2fserver.py",
        "/page//etc/passwd",
        "/page/%2Fetc%2Fpasswd",
        "/page/vendor/uplot/../../../server.py",
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
def test_no_path_leaves_the_served_folder(page: Page, path: str) -> None:
    # The target of some of the paths if they were followed unchecked.
    assert (STATIC.parent / "server.py").is_file()
    found = page.get(path)
    assert found.status == 404
    assert "not found" in found.error


@pytest.mark.parametrize("path", ["/page/%ff", "/api/dashboards/small/panels/2?var-place=%ff"])
def test_input_that_is_not_text_is_refused(page: Page, path: str) -> None:
    assert page.get(path).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_get_is_allowed(page: Page, method: str) -> None:
    found = page.get("/api/dashboards/small/panels/3", method)
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9109", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_a_foreign_host_name_is_refused(page: Page, host: str) -> None:
    assert page.get("/api/dashboards", Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:1", "[::1]:1", "192.168.1.7"])
def test_its_own_host_names_are_accepted(page: Page, host: str) -> None:
    assert page.get("/api/dashboards", Host=host).status == 200


@pytest.mark.parametrize("path", ["/", "/d/small", "/page/main.js", "/api/dashboards", "/nothing"])
def test_every_answer_has_security_headers(page: Page, path: str) -> None:
    headers = page.get(path).headers
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_the_page_has_no_inline_script_or_style(page: Page) -> None:
    text = page.get("/").body.decode()
    assert "<style" not in text
    assert "style=" not in text
    assert text.count("<script") == text.count('<script type="module" src=')
    assert page.get("/", "HEAD").body == b""


def test_a_port_already_in_use_is_reported(page: Page) -> None:
    with pytest.raises(PortError, match=f"SICHTFLUG_PAGE_PORT={page.port}: cannot listen"):
        PageServer(Settings(page_port=page.port))
