"""Pages with generated figures: every block is filled, and constants in the prose are those of the code."""

import re
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.markdown import with_figures
from benchmarks.spikes import report as spikes_report
from streams.spikes.attribution import CONTRIBUTORS, EXPLAINING_RATIO
from streams.spikes.detectors import LEAST_EVENTS, LEAST_RATIO
from streams.spikes.expected.levels import DAYS_HOURS, HOURS_HOURS, LARGEST_MULTIPLE
from streams.spikes.expected.robust import CLIP_DEVIATIONS
from streams.spikes.expected.week import WEEKS
from streams.spikes.ordinary_days import DAYS, MOST_GROWTH
from streams.spikes.silence import LEAST_DAYS, LEAST_EVIDENCE, SILENCE_RATIO

DOCS = Path(__file__).parents[3] / "docs"
PAGE = """# Title
<!-- figures: one -->

old

<!-- end -->
between
<!-- figures: two -->
<!-- end -->
"""


def test_only_what_lies_between_the_markers_is_replaced() -> None:
    assert (
        with_figures(PAGE, {"two": "second\n", "one": "first"})
        == """# Title
<!-- figures: one -->

first

<!-- end -->
between
<!-- figures: two -->

second

<!-- end -->
"""
    )


@pytest.mark.parametrize(
    "blocks", [{"one": ""}, {"one": "", "two": "", "three": ""}], ids=["unfilled", "without place"]
)
def test_a_block_that_is_missing_on_either_side_is_refused(blocks: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"found \['one', 'two'\]"):
        with_figures(PAGE, blocks)


def test_the_committed_pages_have_a_place_for_each_block() -> None:
    with_figures((DOCS / "benchmarks.md").read_text(encoding="utf-8"), dict.fromkeys(report.BLOCKS, ""))
    with_figures((DOCS / "spikes.md").read_text(encoding="utf-8"), dict.fromkeys(spikes_report.BLOCKS, ""))


@pytest.mark.parametrize(
    "phrase",
    [
        f"explains {EXPLAINING_RATIO:.0%} of the excess",
        f"at most {CONTRIBUTORS} cells that contribute",
        f"Fewer than {LEAST_EVENTS} events are never a spike",
        f"fewer than {LEAST_RATIO:g} times the expected ones",
        f"the last {WEEKS} counts of each of the 168 hours",
        f"clipped to {CLIP_DEVIATIONS:g} standard deviations",
        f"over {DAYS_HOURS:g} hours",
        f"at most {LARGEST_MULTIPLE:g} times what was expected",
        f"the last {HOURS_HOURS:g} hours",
        f"the series' last {DAYS} days",
        f"at most {MOST_GROWTH:g} times the next smaller one",
        f"for {SILENCE_RATIO:g} times the expected",
        f"told after {LEAST_DAYS} days",
        f"at least {LEAST_EVIDENCE:.1f} nats",
    ],
)
def test_a_constant_in_the_prose_is_that_of_the_code(phrase: str) -> None:
    assert phrase in re.sub(r"\s+", " ", (DOCS / "spikes.md").read_text(encoding="utf-8"))
