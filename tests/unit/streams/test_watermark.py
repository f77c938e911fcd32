"""One watermark over all partitions: never beyond what is folded, not held up by those that have nothing to read."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.watermark import MergedWatermark


def test_the_slowest_partition_that_has_more_to_read_holds_it() -> None:
    merged = MergedWatermark(2)
    merged.update(0, 5_000, 0, is_at_end=False)
    assert merged.value_ms == 0  # nothing is known of the other one
    merged.update(1, 3_000, 0, is_at_end=False)
    assert merged.value_ms == 3_000
    merged.update(1, 9_000, 0, is_at_end=False)
    assert merged.value_ms == 5_000


def test_a_partition_at_its_end_lets_pass_what_others_had_shown_before_its_last_word() -> None:
    merged = MergedWatermark(2)
    merged.update(0, 1_000, 0, is_at_end=True)
    merged.update(1, 60_000, 0, is_at_end=False)
    # Sent before 60,000 was shown, perhaps: an event of 50,000 may lie in its log by now.
    merged.update(0, 1_000, 1_000, is_at_end=True)
    assert merged.value_ms == 1_000
    merged.update(0, 1_000, 2_000, is_at_end=True)
    assert merged.value_ms == 60_000


def test_without_any_event_time_goes_on_where_all_is_read() -> None:
    merged = MergedWatermark(2)
    for idle_ms in (0, 1_000, 2_000, 3_000):
        merged.update(0, 10_000, idle_ms, is_at_end=True)
        merged.update(1, 0, idle_ms, is_at_end=True)
    # When the third words were heard, 12,000 had been shown; the fourth ones let that pass.
    assert merged.value_ms == 12_000


def test_a_log_without_events_has_no_time() -> None:
    merged = MergedWatermark(1)
    merged.update(0, 0, 5_000, is_at_end=True)
    merged.update(0, 0, 6_000, is_at_end=True)
    assert merged.value_ms == 0


def test_it_never_goes_back() -> None:
    merged = MergedWatermark(1)
    merged.update(0, 10_000, 0, is_at_end=True)
    merged.update(0, 10_000, 9_000, is_at_end=True)
    merged.update(0, 10_000, 9_500, is_at_end=True)
    assert merged.value_ms == 19_000
    # It had been idle, and what comes now is late.
    merged.update(0, 12_000, 0, is_at_end=False)
    assert merged.value_ms == 19_000


@given(st.integers(1, 4), st.randoms(use_true_random=False))
def test_live_traffic_is_never_behind_it(count: int, chance: Random) -> None:
    """Events are written in the order of their times, partitions fold them when they like, and a word of a partition
    arrives at any time before its next one is sent: no event that is not folded lies before the watermark."""
    merged, now = MergedWatermark(count), 0
    logs: list[list[int]] = [[] for _ in range(count)]
    folded, folded_at = [0] * count, [0] * count
    sent: dict[int, tuple[int, int, bool]] = {}
    for _ in range(200):
        now += chance.randint(1, 50)
        partition = chance.randrange(count)
        log = logs[partition]
        what = chance.choice(("write", "fold", "send", "arrive"))
        if what == "write":
            log.append(now)
        elif what == "fold" and folded[partition] < len(log):
            folded[partition] = chance.randint(folded[partition] + 1, len(log))
            folded_at[partition] = now
        elif what == "send" and partition not in sent:
            watermark = log[folded[partition] - 1] if folded[partition] else 0
            sent[partition] = (watermark, now - folded_at[partition], folded[partition] == len(log))
        elif what == "arrive" and partition in sent:
            watermark, idle, is_at_end = sent.pop(partition)
            merged.update(partition, watermark, idle, is_at_end=is_at_end)
            unread = [at for one, events in enumerate(logs) for at in events[folded[one] :]]
            assert merged.value_ms <= min(unread, default=merged.value_ms)
