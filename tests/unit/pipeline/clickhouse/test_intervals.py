"""A view written once is expanded for several intervals."""

from pathlib import Path

import pytest

from pipeline.clickhouse.intervals import INTERVALS, by_interval
from pipeline.clickhouse.sql_files import available, view_files

TEMPLATE = (
    "-- Contacts.\n"
    "-- for each of: minute, hour, day\n"
    "CREATE OR REPLACE VIEW contacts_by_{interval} ({interval_column}, n Int64) AS\n"
    "SELECT {interval_start}, count() AS n FROM panes WHERE tier = '{interval}' GROUP BY {interval}"
)


def test_a_statement_is_expanded_once_for_each_interval_that_it_names() -> None:
    assert by_interval(TEMPLATE) == [
        "-- Contacts.\n"
        "CREATE OR REPLACE VIEW contacts_by_minute "
        "(minute DateTime('UTC') COMMENT 'start of the minute, UTC', n Int64) AS\n"
        "SELECT start AS minute, count() AS n FROM panes WHERE tier = 'minute' GROUP BY minute",
        "-- Contacts.\n"
        "CREATE OR REPLACE VIEW contacts_by_hour (hour DateTime('UTC') COMMENT 'start of the hour, UTC', n Int64) AS\n"
        "SELECT start AS hour, count() AS n FROM panes WHERE tier = 'hour' GROUP BY hour",
        "-- Contacts.\n"
        "CREATE OR REPLACE VIEW contacts_by_day (day Date COMMENT 'day in the reporting zone', n Int64) AS\n"
        "SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, count() AS n FROM panes "
        "WHERE tier = 'day' GROUP BY day",
    ]


def test_a_statement_without_an_interval_keeps_its_query_parameters() -> None:
    statement = "CREATE OR REPLACE VIEW of_instant AS SELECT {at:DateTime('UTC')} AS at"
    assert by_interval(statement) == [statement]


@pytest.mark.parametrize(
    ("template", "missing"),
    [
        (TEMPLATE.replace("hour, ", "week, "), "week"),
        (TEMPLATE.replace("{interval_start}", "{interval_end}"), "interval_end"),
        # A day has no fixed length: clocks change.
        (TEMPLATE.replace("count()", "{interval_seconds}"), "interval_seconds"),
    ],
)
def test_an_unknown_interval_or_placeholder_is_refused(template: str, missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        by_interval(template)


def test_no_placeholder_is_left_in_any_file() -> None:
    assert [
        file.path
        for file in available()
        for statement in file.statements
        if "{interval" in statement or "_days}" in statement
    ] == []


def test_a_changed_definition_of_an_interval_changes_the_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "contacts.sql").write_text(TEMPLATE + ";\n")
    [before] = view_files(tmp_path)
    assert len(before.statements) == 3
    monkeypatch.setitem(INTERVALS["hour"], "interval_start", "start + 0 AS hour")
    [after] = view_files(tmp_path)
    assert after.checksum != before.checksum
