"""The scoring of the Numenta benchmark equals sums by hand, and our detector keeps its budget."""

import math
from pathlib import Path

import pytest

from benchmarks.spikes import nab
from benchmarks.spikes.nab import LOW_FALSE, STANDARD, Series, at_budgets, load, normalised, raw_score
from tests.support.requirement import require

DATA = Path(__file__).parents[4] / "shared" / "data" / "nab"
#: Windows of eleven bins; the first 15 of the 100 bins are for learning.
SERIES = Series("made", range(100), [0] * 100, [(30, 40), (60, 70)])


def sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        # Nothing reported: each window costs 1.
        ([], -2.0),
        # At the first bin of a window its position is -(40 - 30 + 1) / 11 = -1, which is worth 1.
        ([30, 60], 2.0),
        # Only the first detection in a window counts; the position of bin 40 is -(40 - 40 + 1) / 11.
        ([40, 30, 60], 2.0),
        ([40, 60], 1 + sigmoid(-1 / 11) / sigmoid(-1)),
        # Before any window: 0.11. While learning: nothing.
        ([20, 30, 60], 2.0 - 0.11),
        ([10, 30, 60], 2.0),
        # Five bins after a window of ten steps: position 0.5.
        ([30, 45, 60], 2.0 + 0.11 * sigmoid(0.5)),
        # More than three windows later: all of 0.11.
        ([30, 60, 101], 2.0 - 0.11),
    ],
)
def test_raw_scores_match_the_sums_by_hand(found: list[int], wanted: float) -> None:
    assert raw_score(SERIES, sorted(found), STANDARD) == pytest.approx(wanted)


def test_a_false_detection_costs_twice_as_much_in_the_low_false_positive_profile() -> None:
    assert raw_score(SERIES, [20, 30, 60], LOW_FALSE) == pytest.approx(2.0 - 0.22)


def test_no_detection_scores_0_and_immediate_detection_scores_100() -> None:
    assert normalised(-2.0, 2, STANDARD) == 0
    assert normalised(2.0, 2, STANDARD) == 100


@pytest.mark.slow
def test_ours_keeps_its_budget_and_beats_the_second_best_published() -> None:
    require(DATA.exists(), "../shared/data/nab lies beside the project")
    all_series = load(DATA)
    assert [len(one.windows) for one in all_series] == [4, 4, 3, 3, 2]
    for found in at_budgets(all_series):
        # CAD OSE scores 74.5 on the ten series that include these five.
        assert found.scores["standard"] > 74.5
        assert found.false_per_day < 1.7 / found.budget_days


def test_missed_windows_and_false_detections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # Bin 10 is for learning; 35 is in the first window, nothing in the second; 20 and 80 are in none.
    monkeypatch.setattr(nab, "detections", lambda series, budgets: {days: [10, 20, 35, 80] for days in budgets})
    (found,) = at_budgets([SERIES], [7.0])
    assert (found.missed_count, found.window_count) == (1, 2)
    assert found.false_per_day == pytest.approx(2 / (100 / 288))
