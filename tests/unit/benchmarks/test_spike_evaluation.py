"""The evaluation of the spike detector: baselines and intervals equal sums by hand, charts and the page are drawn."""

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.markdown import with_figures
from benchmarks.spikes.candidates import CONTENDERS, OURS
from benchmarks.spikes.detectors import EarsC2, Farrington, PoissonSum, ThreeSigma
from benchmarks.spikes.false_alarms import (
    DISPERSIONS,
    WANDERING_MEANS,
    WANDERINGS,
    Installation,
    Quiet,
    Wandering,
    interval,
    of_wandering,
)
from benchmarks.spikes.false_alarms import MEANS as QUIET_MEANS
from benchmarks.spikes.figures import Figures, delay_chart, detection_chart, false_chart
from benchmarks.spikes.nab import Result
from benchmarks.spikes.onsets import MEANS, SHAPES, Noticed
from benchmarks.spikes.plots import Axis, Line, Panel, chart
from benchmarks.spikes.report import tables
from streams.spikes.columns import Floats


def counts_of(count: int) -> Floats:
    """Return the count of a single series."""
    return np.array([float(count)])


PAGE = Path(__file__).parents[3] / "docs" / "spikes.md"


def test_three_sigma_alarms_beyond_the_mean_and_three_standard_deviations() -> None:
    # Of 0, 2, 0, 2 … the mean is 1 and the standard deviation 1: 4 is not more than 1 + 3, 5 is.
    for count, wanted in ((4, False), (5, True)):
        detector = ThreeSigma(1)
        for at in range(10):
            detector.learn(at, counts_of(at % 2 * 2))
        assert detector.begins(10, counts_of(count)).tolist() == [wanted]


def test_c2_uses_seven_bins_and_a_gap_of_two() -> None:
    # Seven times 2: mean 2, standard deviation 0, raised to 0.2: alarms are beyond 2.6, whatever the last two bins.
    for count, wanted in ((2, False), (3, True)):
        detector = EarsC2(1)
        for at, one in enumerate([9, 2, 2, 2, 2, 2, 2, 2, 50, 50]):
            detector.learn(at, counts_of(one))
        assert detector.begins(10, counts_of(count)).tolist() == [wanted]


def test_farrington_alarms_beyond_the_limit_of_the_same_half_hours_of_the_weeks_before() -> None:
    # 61 bins of 4: mean 4, dispersion at least 1, variance 4 · (1 + 1 / 61) = 4.066, its root 2.016. The limit is
    # 4 · (1 + 2/3 · 2.58 · 2.016 / 4)^1.5 = 4 · 1.867^1.5 = 10.2.
    for count, wanted in ((10, False), (11, True)):
        detector = Farrington(1)
        for at in range(10_080):
            # What is more than half an hour away does not count, and neither does the present week.
            detector.learn(at, counts_of(4 if abs(at - 5_000) <= 30 else 90))
        for at in range(10_080, 15_080):
            detector.learn(at, counts_of(90))
        assert detector.begins(15_080, counts_of(count)).tolist() == [wanted]


def test_alarms_less_than_an_hour_apart_are_one_episode() -> None:
    detector = ThreeSigma(1)
    for at in range(1_440):
        detector.learn(at, counts_of(at % 2))
    found = [at for at in (1_440, 1_450, 1_509, 1_570) if detector.begins(at, counts_of(100)).any()]
    assert found == [1_440, 1_570]


def test_the_poisson_sum_alarms_at_the_logarithm_of_its_budget() -> None:
    detector = PoissonSum(1, math.exp(-5))
    monday, wednesday = 4 * 1_440, 6 * 1_440
    for at in range(monday, wednesday):
        detector.learn(at, counts_of(10))
    # With 10 expected a count of 17 adds 17 log 2 - 10 = 1.8: three of them make 5.35, two do not reach 5.
    found = [detector.begins(wednesday + at, counts_of(17)).tolist() for at in range(3)]
    assert found == [[False], [False], [True]]


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (10, 4.795, 18.390), (100, 81.36, 121.63)])
def test_intervals_are_garwoods(count: int, low: float, high: float) -> None:
    # Exact limits from half the quantiles of chi-square with 2 count and 2 count + 2 degrees of freedom, as in tables.
    assert interval(count) == pytest.approx((low, high), rel=0.01)


def test_a_rate_that_wanders_by_a_fifth_is_not_a_spike() -> None:
    # Three series, four weeks: one and a half times the budget of one a week are 18.
    assert of_wandering(0.2, 180, 1.0, 3).episode_count <= 18


def test_a_missed_spike_counts_as_late() -> None:
    one = Noticed(OURS, 1.0, "×2", 4, (3, 20, 50))
    assert [one.ratio_within(limit) for limit in (15, 30, 60)] == [0.25, 0.5, 0.75]
    # Of 3, 20, 50 and never, the median lies between 20 and 50.
    assert one.median_delay == 35
    assert Noticed(OURS, 1.0, "×2", 4, (3,)).median_delay is None


def test_charts_are_drawn_and_legible_on_a_dark_background() -> None:
    x = Axis("x", 1, 100, (1, 10, 100), is_logarithmic=True)
    y = Axis("y", 0, 1, (0, 1))
    text = chart([Panel("one", [Line("a", [(1, 0.0), (10, None), (100, 1.0)])])], x, y, columns=1)
    root = ElementTree.fromstring(text)
    circles = [one for one in root.iter() if one.tag.endswith("circle")]
    # A point without a value is left out; the others lie at the two ends.
    assert len(circles) == 2
    assert float(circles[0].attrib["cx"]) < float(circles[1].attrib["cx"])
    assert float(circles[0].attrib["cy"]) > float(circles[1].attrib["cy"])
    assert "prefers-color-scheme: dark" in text


def test_the_page_shows_all_figures() -> None:
    figures = Figures(
        quiet=[Quiet(name, mean, d, 7, 48) for name in CONTENDERS for mean in QUIET_MEANS for d in DISPERSIONS],
        wandering=[Wandering(*how, mean, 20, 40) for how in WANDERINGS for mean in WANDERING_MEANS],
        installations=[Installation(2, 4, 95, 1.0), Installation(1, 4, 95, 1.0)],
        noticed=[Noticed(name, mean, shape, 2, (5, 6)) for name in CONTENDERS for mean in MEANS for shape in SHAPES],
        benchmark=[Result(7.0, {"standard": 80.04, "low": 70.0}, 2, 16, 0.05)],
        is_quick=False,
    )
    text = with_figures(PAGE.read_text(encoding="utf-8"), tables(figures))
    assert "**3 in 8 weeks, 0.38 a week**" in text
    # 20 in 40 weeks are 0.071 a day.
    assert text.count("0.071 (") == len(WANDERINGS) * len(WANDERING_MEANS)
    assert "| 7 days | 80.0 | 70.0 | 2 of 16 | 0.050 (0.143) |" in text
    # 7 in 48 weeks are 0.021 a day.
    assert text.count("0.021 (") == len(CONTENDERS) * len(QUIET_MEANS) * len(DISPERSIONS)
    assert text.count("1.00 / 1.00 / 1.00, 5.5") == len(CONTENDERS) * len(MEANS) * len(SHAPES)
    assert all(len(row) < 5_000 for row in text.splitlines())
    for draw in (false_chart, detection_chart, delay_chart):
        ElementTree.fromstring(draw(figures))
