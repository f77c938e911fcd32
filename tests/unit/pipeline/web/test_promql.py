"""The page's own PromQL equals results computed by hand."""

import pytest

from pipeline.web.promql import ExpressionError, History, Labels, evaluate

A: Labels = (("partition", "0"),)
B: Labels = (("partition", "1"),)
MINUTE_MS = 60_000


def cumulative(*buckets: tuple[str, float]) -> History:
    """Return a histogram x with these edges and counts."""
    return {"x": {(("le", edge),): ([0], [count]) for edge, count in buckets}}


def test_an_instant_value_is_the_last_sample_unless_it_is_stale() -> None:
    history: History = {"lag": {A: ([0, 10_000], [5.0, 7.0]), B: ([0], [3.0])}}
    assert evaluate("lag", history, 12_000) == {A: 7.0, B: 3.0}
    assert evaluate("lag", history, 9_999) == {A: 5.0, B: 3.0}
    assert evaluate('lag{partition="1"}', history, 12_000) == {B: 3.0}
    # A minute after its last sample a series is gone.
    assert evaluate("lag", history, 60_000) == {A: 7.0}
    assert evaluate("nothing", history, 0) == {}


def test_a_rate_corrects_for_counter_resets() -> None:
    # 10 -> 40, then reset to 0 and up to 20: 30 + 20 in 60 s.
    history: History = {"rows": {A: ([0, 30_000, 60_000], [10.0, 40.0, 20.0])}}
    assert evaluate("rate(rows[5m])", history, MINUTE_MS) == {A: pytest.approx(50 / 60)}
    # The last 30 s have two samples: 20 in 30 s. One sample gives no rate.
    assert evaluate("rate(rows[30s])", history, MINUTE_MS) == {A: pytest.approx(20 / 30)}
    assert evaluate("rate(rows[5m])", history, 10_000) == {}


def test_sums_group_by_equal_labels() -> None:
    cells = {("1", "1"): 1.0, ("1", "2"): 2.0, ("2", "1"): 4.0}
    x: History = {"x": {(("a", a), ("b", b)): ([0], [value]) for (a, b), value in cells.items()}}
    assert evaluate("sum by (a) (x)", x, 0) == {(("a", "1"),): 3.0, (("a", "2"),): 4.0}
    assert evaluate("sum(x)", x, 0) == {(): 7.0}
    assert evaluate("max(x)", x, 0) == {(): 4.0}


def test_a_quantile_is_linear_within_its_bucket() -> None:
    # 10 up to 1 s, 20 up to 2 s, 20 in all: the median lies at 1 s, 0.75 in the middle of the second bucket.
    buckets = cumulative(("1.0", 10.0), ("2.0", 20.0), ("+Inf", 20.0))
    assert evaluate("histogram_quantile(0.5, x)", buckets, 0) == {(): 1.0}
    assert evaluate("histogram_quantile(0.75, x)", buckets, 0) == {(): 1.5}
    # Beyond the last edge: nothing more precise is known.
    assert evaluate("histogram_quantile(0.9, x)", cumulative(("1.0", 1.0), ("+Inf", 10.0)), 0) == {(): 1.0}
    assert evaluate("histogram_quantile(0.9, x)", cumulative(("+Inf", 0.0)), 0) == {}


REFUSED = [
    "x + y",
    "increase(x[5m])",
    'x{a=~"b"}',
    "rate(x)",
    "",
    "sum(",
    "rate(sum(x)[5m])",
    "histogram_quantile(a, x)",
]


@pytest.mark.parametrize("expression", REFUSED)
def test_an_unsupported_expression_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, {}, 0)
