"""Every panel of every dashboard draws in a real browser, on a large screen and on a phone."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded.servers import free_port
from tests.support.requirement import require
from tests.support.system import System, wait_for
from tests.support.traffic import live_records
from tests.support.web.browser import CHROMIUM, opened
from tests.support.web.dashboards import MAY_BE_EMPTY, dashboards, panels
from tests.support.web.page import Page, served
from tests.support.web.screens import LARGE, PHONE, browsed, run_chromium, states

# The source of the events does not matter here.
pytestmark = pytest.mark.embedded_broker

IMAGES = Path(__file__).parents[2] / "docs" / "images"
#: Panels that have received their answer.
ANSWERED = ", ".join(f".panel[data-state={state}]" for state in ("drawn", "empty", "error"))


@pytest.fixture(scope="module")
def page(shared_system: System) -> Iterator[Page]:
    """Serve the project's dashboards over what a worker has folded."""
    require(CHROMIUM is not None, "chromium is not installed")
    port = free_port()
    shared_system.start_worker(metrics_port=str(port))
    with served(shared_system.url, shared_system.database, metrics_port=port) as running:
        pipeline = next(dashboard for dashboard in dashboards() if dashboard["uid"] == "sichtflug-pipeline")
        first = panels(pipeline)[0]["id"]
        # Rates need a sample from before the first record.
        wait_for(lambda: running.panel("sichtflug-pipeline", first).status == 200, 60)
        records = live_records(78, 20_000, rate=10.0)
        # In two parts: windows are written for all minutes that have passed since the end of the first part.
        for part in (records[:4_000], records[4_000:]):
            shared_system.publish(part)
            shared_system.wait_until_folded()
            wait_for(lambda: windows_are_up_to_date(shared_system), 120, shared_system.log)
        yield running


def windows_are_up_to_date(system: System) -> bool:
    """Return whether the windows that end with the last full minute are written."""
    [(passed, written)] = system.client.rows(
        "SELECT toStartOfMinute((SELECT settled FROM watermarks)), (SELECT max(emitted_at) FROM rolling)"
    )
    return bool(written >= passed)


def test_every_panel_of_every_dashboard_draws(page: Page, tmp_path: Path) -> None:
    wrong = []
    for dashboard in dashboards():
        body, document = browsed(page, f"/d/{dashboard['uid']}", LARGE, tmp_path)
        found = states(document)
        for panel in panels(dashboard):
            allowed = {"drawn", "empty"} if panel["title"] in MAY_BE_EMPTY else {"drawn"}
            state = found.get(str(panel["id"]), "missing")
            if state not in allowed:
                wrong.append(f"{dashboard['uid']} / {panel['title']}: {state}")
        assert int(body["data-panels"]) == len(panels(dashboard)), body
        assert int(body["data-drawn"]) == Counter(found.values())["drawn"]
    assert not wrong, "\n".join(wrong)


def test_every_panel_draws_on_a_phone(page: Page, tmp_path: Path) -> None:
    large, _ = browsed(page, "/d/sichtflug-overview", LARGE, tmp_path)
    phone, _ = browsed(page, "/d/sichtflug-overview", PHONE, tmp_path)
    assert {name: phone[name] for name in ("data-panels", "data-drawn", "data-failed")} == {
        name: large[name] for name in ("data-panels", "data-drawn", "data-failed")
    }
    if os.environ.get("WRITE_SCREENSHOTS"):
        for name, size in (("overview", (1600, 1230)), ("overview-phone", PHONE)):
            IMAGES.mkdir(exist_ok=True)
            save_screenshot(page, "/d/sichtflug-overview?from=now-30m&to=now", size, tmp_path, IMAGES / f"{name}.png")


def save_screenshot(page: Page, path: str, size: tuple[int, int], directory: Path, image: Path) -> None:
    """Save a screenshot."""
    run_chromium(page, path, size, directory, f"--screenshot={image}", "--hide-scrollbars")


def test_a_phone_never_scrolls_sideways_and_every_focusable_element_has_a_name(page: Page, tmp_path: Path) -> None:
    async def run() -> list[str]:
        wrong = []
        async with opened("about:blank", tmp_path) as tab:
            await tab.size(*PHONE)
            for dashboard in dashboards():
                uid, count = dashboard["uid"], len(panels(dashboard))
                await tab.call("Page.navigate", url=f"http://127.0.0.1:{page.port}/d/{uid}")
                await tab.wait(f"document.querySelectorAll('{ANSWERED}').length === {count}")
                width = await tab.evaluate("document.scrollingElement.scrollWidth")
                if width > PHONE[0]:
                    wrong.append(f"{uid}: {width} pixels wide")
                wrong += [f"{uid}: {role} without a name" for role in await tab.nameless()]
        return wrong

    assert asyncio.run(run()) == []
