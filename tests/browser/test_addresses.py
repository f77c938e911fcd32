"""Hand-written and hostile addresses of the page work or are refused visibly, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.database import Databases
from tests.support.places import PANELS, places
from tests.support.requirement import require
from tests.support.web.browser import CHROMIUM
from tests.support.web.page import Page, served
from tests.support.web.screens import PHONE, browsed, states
from tests.support.web.small_dashboards import write_dashboard


@pytest.fixture(scope="module")
def page(database_pool: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    directory = tmp_path_factory.mktemp("dashboards")
    write_dashboard(directory, "small", PANELS)
    with places(database_pool) as database, served(database.url, database.database, directory) as running:
        yield running


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [("from=now-2h&to=now-1h", "drawn"), ("from=1767323045678&to=1767326645678", "drawn"), ("from=yesterday", "error")],
)
def test_any_time_range_in_the_address_is_shown_or_reported_as_wrong(
    page: Page, tmp_path: Path, parameters: str, expected: str
) -> None:
    require(CHROMIUM is not None, "chromium is not installed")
    _, document = browsed(page, f"/d/small?{parameters}&var-window=300", PHONE, tmp_path)
    assert states(document)["3"] == expected
    assert ("expected epoch milliseconds" in document) == (expected == "error")


def test_a_hostile_value_in_the_address_is_shown_as_text(page: Page, tmp_path: Path) -> None:
    require(CHROMIUM is not None, "chromium is not installed")
    hostile = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    _, document = browsed(page, f"/d/small?var-place={hostile}&var-window={hostile}", PHONE, tmp_path)
    assert set(states(document).values()) == {"error"}
    assert "<img" not in document
    assert "&lt;img src=x onerror" in document
