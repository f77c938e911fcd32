"""ClickHouse's answers as series and columns."""

import pytest

from pipeline.web.frames import Column, FrameError, as_series, read_columns


def test_series_are_named_by_their_labels_and_also_by_column_if_there_are_several() -> None:
    time_column, label = Column("time", "time", [1, 1, 2]), Column("queue", "text", ["a", "", "a"])
    one = as_series([time_column, label, Column("open", "number", [5, 6, 7])])
    assert [(series.name, series.values) for series in one.series or ()] == [("a", [5, 7]), ("(unknown)", [6, None])]
    two = as_series([time_column, label, Column("open", "number", [5, 6, 7]), Column("due", "number", [1, 2, 3])])
    assert [series.name for series in two.series or ()] == ["open a", "due a", "open", "due"]
    with pytest.raises(FrameError, match="found queue"):
        as_series([label])


def test_a_day_is_shown_as_a_day_and_drawn_at_its_start_in_utc() -> None:
    body = (
        b'{"meta": [{"name": "day", "type": "Date"}, {"name": "open", "type": "Int64"}], "data": [["2026-11-26", "3"]]}'
    )
    columns = read_columns(body)
    assert [(column.kind, column.values) for column in columns] == [("day", ["2026-11-26"]), ("number", [3])]
    # 2026-11-26 is day 20,783 since 1970-01-01: 20,783 * 86,400,000.
    assert as_series(columns).times == [1_795_651_200_000]
