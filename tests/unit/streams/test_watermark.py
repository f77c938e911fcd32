"""One watermark over all partitions: never beyond what is folded, and not held back by idle partitions."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.watermark import MergedWatermark


def test_the_slowest_partition_with_more_to_read_holds_the_watermark() -> None:
    merged = MergedWatermark(2)
    merged.update(0, 5_000, 0, is_at_end=False)
    assert merged.value_ms == 0  # the other partition is still unknown
    merged.update(1, 3_000, 0, is_at_end=False)
    assert merged.value_ms == 3_000
    merged.update(1, 9_000, 0, is_at_end=False)
    assert merged.value_ms == 5_000


def test_a_partition_at_its_end_allows_what_others_had_reported_before_its_last_message() -> None:
    merged = MergedWatermark(2)
    merged.update(0, 1_000, 0, is_at_end=True)
    merged.update(1, 60_000, 0, is_at_end=False)
    # Possibly sent before 60,000 was reported: an event of 50,000 may be in its log by now.
    merged.update(0, 1_000, 1_000, is_at_end=True)
    assert merged.value_ms == 1_000
    merged.update(0, 1_000, 2_000, is_at_end=True)
    assert merged.value_ms == 60_000


def test_the_watermark_advances_without_events_once_everything_is_read() -> None:
    merged = MergedWatermark(2)
    for idle_ms in (0, 1_000, 2_000, 3_000):
        merged.update(0, 10_000, idle_ms, is_at_end=True)
        merged.update(1, 0, idle_ms, is_at_end=True)
    # When the third messages arrived, 12,000 had been reported; the fourth ones allow that.
    assert merged.value_ms == 12_000


def test_a_log_without_events_has_no_watermark() -> None:
    merged = MergedWatermark(1)
    merged.update(0, 0, 5_000, is_at_end=True)
    merged.update(0, 0, 6_000, is_at_end=True)
    assert merged.value_ms == 0


def test_the_watermark_never_goes_back() -> None:
    merged = MergedWatermark(1)
    merged.update(0, 10_000, 0, is_at_end=True)
    merged.update(0, 10_000, 9_000, is_at_end=True)
    merged.update(0, 10_000, 9_500, is_at_end=True)
    assert merged.value_ms == 19_000
    # It had been idle, and its new events are late.
    merged.update(0, 12_000, 0, is_at_end=False)
    assert merged.value_ms == 19_000


@given(st.integers(1, 4), st.randoms(use_true_random=False))
def test_live_traffic_is_never_late(count: int, chance: Random) -> None:
    """Events are written in time order, partitions fold them at any pace, and a progress message arrives at any time
    before the partition's next one is sent: no unfolded event lies before the watermark.
    """
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
            unread = [at for partition, events in enumerate(logs) for at in events[folded[partition] :]]
            assert merged.value_ms <= min(unread, default=merged.value_ms)
