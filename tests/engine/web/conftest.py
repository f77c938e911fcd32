"""Fixtures: the page over a small dashboard, one server for this folder."""

from collections.abc import Iterator

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from tests.support.database import Databases
from tests.support.places import PANELS, places
from tests.support.web.page import Page, served
from tests.support.web.small_dashboards import write_dashboard


@pytest.fixture(scope="package")
def database(database_pool: Databases) -> Iterator[ClickHouse]:
    """Create a migrated database with a table of places, some with hostile names."""
    with places(database_pool) as client:
        yield client


@pytest.fixture(scope="package")
def page(
    clickhouse: EmbeddedClickHouse, database: ClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    directory = tmp_path_factory.mktemp("dashboards")
    write_dashboard(directory, "small", PANELS)
    with served(clickhouse.url, database.database, directory) as running:
        yield running
