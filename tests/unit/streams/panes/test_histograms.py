"""Buckets of durations: whole milliseconds up to 32 ms, then sixteen per power of two."""

from hypothesis import given
from hypothesis import strategies as st

from streams.panes.histograms import LONGEST_MS, bucket, lower_bound_ms

LAST_BUCKET = bucket(LONGEST_MS)
durations = st.integers(0, LONGEST_MS - 1)


def test_some_buckets_match_the_sums_by_hand() -> None:
    # below 32 every millisecond for itself; 32..63 in steps of 2: 32, 33 -> 32 and 34, 35 -> 33; 64..127 in steps of 4
    assert [bucket(ms) for ms in (0, 1, 31, 32, 33, 34, 63, 64, 67, 68)] == [0, 1, 31, 32, 32, 33, 47, 48, 48, 49]
    # a minute: 2**15 = 32768 <= 60000 < 65536 in steps of 2048; (60000 - 32768) // 2048 = 13, and 32 + 16 * 10 + 13
    assert bucket(60_000) == 205
    assert (lower_bound_ms(205), lower_bound_ms(206)) == (32_768 + 13 * 2048, 32_768 + 14 * 2048)


def test_a_negative_duration_counts_as_zero_and_an_endless_one_as_the_longest() -> None:
    assert bucket(-1) == bucket(-(10**15)) == 0
    assert bucket(LONGEST_MS + 1) == bucket(1 << 60) == LAST_BUCKET
    assert LAST_BUCKET < 1 << 21, "the spread of a pane's field has 21 bits"


def test_every_bucket_begins_where_the_previous_one_ends() -> None:
    for index in range(LAST_BUCKET):
        lower, upper = lower_bound_ms(index), lower_bound_ms(index + 1)
        assert lower < upper
        assert bucket(lower) == index == bucket(upper - 1)


def test_every_duration_of_the_first_minutes_lies_in_its_bucket() -> None:
    for duration_ms in range(200_000):
        index = bucket(duration_ms)
        assert lower_bound_ms(index) <= duration_ms < lower_bound_ms(index + 1)


def test_the_middle_of_every_bucket_is_at_most_five_percent_off() -> None:
    # The worst value of a bucket is its lower bound; below 32 ms a bucket is one value.
    for index in range(32, LAST_BUCKET):
        lower, upper = lower_bound_ms(index), lower_bound_ms(index + 1)
        assert (lower + upper) / 2 - lower <= 0.05 * lower


@given(durations)
def test_any_duration_lies_in_its_bucket(duration_ms: int) -> None:
    index = bucket(duration_ms)
    assert lower_bound_ms(index) <= duration_ms < lower_bound_ms(index + 1)


@given(durations, durations)
def test_a_longer_duration_is_never_in_an_earlier_bucket(one_ms: int, other_ms: int) -> None:
    assert bucket(min(one_ms, other_ms)) <= bucket(max(one_ms, other_ms))


@given(st.integers(0, LAST_BUCKET))
def test_the_lower_bound_is_the_inverse(index: int) -> None:
    assert bucket(lower_bound_ms(index)) == index
