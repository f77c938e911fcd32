"""The page works without a mouse in a real browser: keyboard access, screen-reader output, state over a refresh."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from pipeline.clickhouse import migrations
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.web.browser import Tab, opened
from tests.support.web.page import Page, served
from tests.support.web.small_dashboards import panel, write_dashboard

#: Points five minutes apart, from 98 to 110; the first lies before the hour's range.
CHART = "SELECT toDateTime($__toTime - 3660 + number * 300) AS time, number + 98 AS waiting FROM numbers(13)"
TABLE = "SELECT concat('queue ', toString(number)) AS queue, (number * 7) % 50 AS waiting FROM numbers(50)"
PANELS = [
    panel(
        1, "timeseries", CHART, 0, title="Waiting", description="Who waits.", gridPos={"x": 0, "y": 0, "w": 12, "h": 8}
    ),
    panel(2, "table", TABLE, title="Queues", description="By queue.", gridPos={"x": 12, "y": 0, "w": 12, "h": 8}),
    panel(
        3, "stat", "SELECT 7 AS open", title="Open", description="Open now.", gridPos={"x": 0, "y": 8, "w": 6, "h": 4}
    ),
]
FOCUSED = "document.activeElement"
ANNOUNCEMENT = "document.getElementById('announcement').textContent"
#: The page's own periodic refresh; done once its last panel has been redrawn.
REFRESH = """(async () => {
    const old = document.querySelector('[data-panel="3"] .body').firstElementChild;
    dispatchEvent(new PopStateEvent('popstate'));
    while (old.isConnected || document.querySelector('[aria-busy]')) await new Promise((done) => setTimeout(done, 20));
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
})()"""


@pytest.fixture(scope="module")
def page(clickhouse: EmbeddedClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    name = f"keys_{secrets.token_hex(4)}"
    migrations.migrate(clickhouse.url, name)
    directory = tmp_path_factory.mktemp("dashboards")
    write_dashboard(directory, "keys", PANELS, templating={"list": []})
    with served(clickhouse.url, name, directory) as running:
        yield running


def driven(page: Page, directory: Path, interact: Callable[[Tab], Awaitable[None]]) -> None:
    """Run `interact` on the dashboard once everything is drawn."""

    async def run() -> None:
        async with opened(f"http://127.0.0.1:{page.port}/d/keys", directory) as tab:
            await tab.size(1280, 800)
            await tab.wait("document.body?.dataset.drawn === '3' && document.querySelector('.plot canvas') !== null")
            await interact(tab)

    asyncio.run(run())


async def tab_to(tab: Tab, selector: str) -> None:
    """Press Tab until the element matched by `selector` has the focus."""
    for _ in range(60):
        await tab.press("Tab")
        if await tab.evaluate(f"{FOCUSED}.matches({selector!r})"):
            return
    raise AssertionError(f"no Tab reaches {selector}")


def test_arrow_keys_move_along_a_chart_and_its_values_are_announced(page: Page, tmp_path: Path) -> None:
    async def interact(tab: Tab) -> None:
        await tab_to(tab, ".plot")
        assert "Waiting" in await tab.evaluate(f"{FOCUSED}.getAttribute('aria-label')")
        for key, value in (("End", "110"), ("ArrowLeft", "109"), ("Home", "99"), ("ArrowRight", "100")):
            await tab.press(key)
            assert (await tab.evaluate(ANNOUNCEMENT)).endswith(f", waiting {value}"), key
        await tab.evaluate(REFRESH)
        assert await tab.evaluate(f"{FOCUSED}.matches('.plot')")
        assert "100" in (await tab.evaluate("document.querySelector('.tooltip:not([hidden])').innerText")).split()
        await tab.press("ArrowRight")
        assert (await tab.evaluate(ANNOUNCEMENT)).endswith(", waiting 101")

    driven(page, tmp_path, interact)


def test_a_refresh_keeps_a_table_sorted_scrolled_and_focused(page: Page, tmp_path: Path) -> None:
    first = "document.querySelector('td[data-kind=number]').textContent"

    async def interact(tab: Tab) -> None:
        await tab_to(tab, "th[data-kind=number] button")
        assert await tab.evaluate(first) == "0"
        await tab.press("Enter")
        assert await tab.evaluate(first) == "49"
        await tab.evaluate("document.querySelector('.scroll').scrollTop = 120")
        await tab.evaluate(REFRESH)
        assert await tab.evaluate(first) == "49"
        assert await tab.evaluate("document.querySelector('th[data-kind=number]').ariaSort") == "descending"
        assert await tab.evaluate("document.querySelector('.scroll').scrollTop") == 120
        assert await tab.evaluate(f"{FOCUSED}.matches('th[data-kind=number] button')")
        await tab.press(" ")
        assert await tab.evaluate(first) == "0"

    driven(page, tmp_path, interact)


def test_an_open_list_of_options_survives_a_refresh(page: Page, tmp_path: Path) -> None:
    async def interact(tab: Tab) -> None:
        await tab_to(tab, ".range select")
        await tab.evaluate(f"window.list = {FOCUSED}")
        await tab.press("End")
        assert await tab.evaluate("document.querySelector('.absolute').hidden") is False
        await tab.evaluate(REFRESH)
        assert await tab.evaluate(f"{FOCUSED} === window.list")
        assert await tab.evaluate("document.querySelector('.absolute').hidden") is False
        await tab.press("Home")
        await tab.wait("location.search.includes('from=now-15m')")
        assert await tab.evaluate(f"{FOCUSED}.matches('.range select')")

    driven(page, tmp_path, interact)


def test_escape_closes_an_open_list_and_returns_the_focus(page: Page, tmp_path: Path) -> None:
    async def interact(tab: Tab) -> None:
        await tab_to(tab, "[data-panel='1'] summary")
        await tab.press("Enter")
        await tab_to(tab, "[data-panel='1'] .sheet button")
        await tab.press(" ")
        assert await tab.evaluate("document.querySelectorAll('[data-panel=\"1\"] tbody tr').length") == 13
        await tab.press("Escape")
        assert await tab.evaluate("document.querySelector('details[open]')") is None
        assert await tab.evaluate(f"{FOCUSED}.matches('[data-panel=\"1\"] summary')")

    driven(page, tmp_path, interact)


def test_every_focusable_element_has_a_name(page: Page, tmp_path: Path) -> None:
    async def interact(tab: Tab) -> None:
        spoken = await tab.spoken()
        names = {name for _, name, _ in spoken}
        assert {"Waiting", "Queues", "Open", "Time", "Refresh", "Dashboards", "About Waiting"} <= names
        focusable = [(role, name) for role, name, can_focus in spoken if can_focus and role != "RootWebArea"]
        assert len(focusable) > 10
        assert await tab.nameless() == []

    driven(page, tmp_path, interact)
