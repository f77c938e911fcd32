"""Pages with generated figures: every block is filled, and constants in the prose are those of the code."""

import re
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.markdown import with_figures
from benchmarks.spikes import report as spikes_report
from streams.spikes.attribution import CONTRIBUTORS, EXPLAINING_RATIO
from streams.spikes.baseline import LEVEL_HOURS
from streams.spikes.cusum import LEAST_THRESHOLD
from streams.spikes.detector import LEAST_EVENTS, LONGEST_RUN_HOURS, RATIOS
from streams.spikes.profile import KEPT_PER_WEEK
from streams.spikes.silence import SILENCE_RATIO
from streams.spikes.tail import LARGEST_EXCESS
from streams.spikes.tracks import LEAST_EVENTS_PER_WEEK

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
        f"An episode that lasts {LONGEST_RUN_HOURS} hours is the new normal",
        f"fewer than {LEAST_EVENTS_PER_WEEK:g} events a week",
        f"Fewer than {LEAST_EVENTS} events are never a spike",
        f"({KEPT_PER_WEEK:g} is kept per week)",
        f"over {LEVEL_HOURS:g} hours",
        f"for {RATIOS[0]:g} and {RATIOS[1]:g} times the expected",
        f"for {SILENCE_RATIO:g} times the expected",
        f"at least {LEAST_THRESHOLD:.1f} nats",
        f"at most {LARGEST_EXCESS:g} nats",
    ],
)
def test_a_constant_in_the_prose_is_that_of_the_code(phrase: str) -> None:
    assert phrase in re.sub(r"\s+", " ", (DOCS / "spikes.md").read_text(encoding="utf-8"))
