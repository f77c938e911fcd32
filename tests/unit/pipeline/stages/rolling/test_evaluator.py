"""The minutes for which windows are written."""

import pytest

from pipeline.stages.rolling.evaluator import next_window
from tests.support.traffic import DAY


@pytest.mark.parametrize(
    ("before", "last", "wanted"),
    [
        (100, 101, 101),
        (100, 103, 101),
        (100, 160, 101),
        # More than an hour at once.
        (100, 161, 161),
        (0, 10 * DAY, 10 * DAY),
    ],
)
def test_windows_are_written_for_each_minute_up_to_an_hour(before: int, last: int, wanted: int) -> None:
    assert next_window(before, last) == wanted
