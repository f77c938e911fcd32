"""Forged facts and progress messages are refused, or within the bounds of every column."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.facts import sourced_facts
from pipeline.stages.progress import Progress, decoded
from streams.panes.cells import CellIndex

INTEGERS = st.integers(-2, 10) | st.sampled_from((2**16, 2**24, 2**40, 2**53, 2**62, 2**63, -(2**63), 2**64 - 1))
TEXTS = st.text(max_size=3) | st.just("x" * 300)


@settings(max_examples=500)
@given(
    st.tuples(
        INTEGERS,
        INTEGERS,
        st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), max_size=2),
        st.lists(st.tuples(INTEGERS, INTEGERS, INTEGERS, INTEGERS, TEXTS, INTEGERS, INTEGERS, TEXTS), max_size=2),
    )
)
def test_a_forged_fact_is_refused_or_fits_every_column(forged: Any) -> None:
    cells = CellIndex()
    try:
        found = sourced_facts(msgspec.msgpack.encode(forged), cells)
    except (msgspec.MsgspecError, IndexError):
        assert cells.by_number == []
        return
    for sourced in found:
        assert 0 <= sourced.partition < 2**16
        assert 0 <= sourced.position < 2**64
        assert 0 <= sourced.fact.at < 4_102_444_800_000
        assert 0 <= sourced.fact.kind <= 7
        assert 0 <= sourced.fact.conversation < 2**64
        assert cells[sourced.fact.cell]


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(Progress.__struct_fields__), INTEGERS | TEXTS | st.booleans()) | st.binary())
def test_a_forged_progress_message_is_refused_or_within_bounds(forged: Any) -> None:
    progress = decoded(forged if isinstance(forged, bytes) else msgspec.json.encode(forged))
    assert progress is None or (
        0 <= progress.partition < progress.partition_count <= 2**16 and 0 <= progress.watermark_ms < 2**42
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"partition": 4},
        {"partition": -1},
        {"partition_count": 2**31},
        {"epoch": 2**24},
        {"next_offset": 2**40},
        {"log_end": -1},
        {"watermark_ms": 2**63 - 1},
        {"idle_ms": -1},
    ],
)
def test_a_progress_message_with_a_number_out_of_bounds_is_refused(changes: dict[str, int]) -> None:
    progress = {
        "log": "t",
        "partition": 3,
        "partition_count": 4,
        "epoch": 1,
        "next_offset": 7,
        "log_end": 9,
        "watermark_ms": 1_780_000_000_000,
        "is_at_end": True,
        "idle_ms": 0,
    }
    assert decoded(msgspec.json.encode(progress)) is not None
    assert decoded(msgspec.json.encode(progress | changes)) is None
