"""Durations as sparse log-linear histograms of integers, which merge by addition.

The scheme is HdrHistogram's (Gil Tene): every power of two is divided into 16 equal buckets, so a bucket is at most
1/16 of its lower bound wide, and its midpoint at most 1/32 (3.2 %) from any value in it. Below 32 ms every millisecond
is a bucket of its own. Only integers and shifts are used, so Python and SQL agree.
"""

SUB_BUCKETS = 16
LONGEST_MS = 1 << 42


def bucket(duration_ms: int) -> int:
    """Return the bucket that contains `duration_ms`, clipped to 0 from below and to 139 years from above.

    Bucket `b` is `[lower_bound_ms(b), lower_bound_ms(b + 1))`.
    """
    if duration_ms < 2 * SUB_BUCKETS:
        return duration_ms if duration_ms > 0 else 0
    clipped = duration_ms if duration_ms < LONGEST_MS else LONGEST_MS
    shift = clipped.bit_length() - 5
    return (shift << 4) + (clipped >> shift)


def lower_bound_ms(index: int) -> int:
    """Return the smallest duration of the bucket `index` (>= 0)."""
    if index < 2 * SUB_BUCKETS:
        return index
    shift = (index >> 4) - 1
    return (SUB_BUCKETS + (index & (SUB_BUCKETS - 1))) << shift
