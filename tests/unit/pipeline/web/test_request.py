"""Requests to the page: a time range, distinguishable points, and limits."""

import pytest

from pipeline.web.request import BadRequestError, read_request

NOW_MS = 1_767_344_645_678


def test_points_are_spaced_so_that_they_can_be_distinguished() -> None:
    # 6 hours on 800 pixels: 21,600 s / 266 points = 81 s, so 120; on 4,000 pixels 16 s, so 30, or the panel's minute.
    request = read_request("from=now-6h&to=now&width=800", NOW_MS)
    assert (request.to_ms, request.to_ms - request.from_ms) == (NOW_MS, 21_600_000)
    assert request.interval_seconds() == 120
    wide = read_request("from=now-6h&to=now&width=4000", NOW_MS)
    assert (wide.interval_seconds(), wide.interval_seconds("1m")) == (30, 60)


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(BadRequestError, match="at most 2000"):
        read_request("&".join(f"var-a={number}" for number in range(2001)), NOW_MS)
