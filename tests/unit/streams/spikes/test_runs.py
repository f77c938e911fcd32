"""A run ends with the return to normal, dated to where it begins, or when it is as long as a run may be."""

from streams.spikes.runs import Run, weights_of_rise


def extended(run: Run, counts: list[int], longest: int) -> list[bool]:
    """Extend a run from the bin after its detection on, at one expected event a bin, and Poisson counts."""
    return [
        run.extend(at, count, 1.0, weights_of_rise(run, 1.0), longest)
        for at, count in enumerate(counts, run.detected + 1)
    ]


def test_a_run_that_never_returns_ends_when_it_is_as_long_as_it_may_be() -> None:
    run = Run(since=100, detected=104, observed=50, expected=5.0)
    # 110 is ten bins after the first.
    assert extended(run, [10] * 6, longest=10) == [True] * 5 + [False]
    assert (run.until, run.observed, run.expected) == (110, 110, 11.0)


def test_a_run_ends_with_the_first_bin_of_the_return() -> None:
    run = Run(since=100, detected=104, observed=50, expected=5.0)
    # Ten times the expectation against once: without an event a bin is worth 10 - 1 = 9 nats, beyond log(1000) = 6.9.
    assert extended(run, [10, 0], longest=1_000) == [True, False]
    assert (run.until, run.observed, run.expected) == (106, 60, 6.0)


def test_one_quiet_bin_within_a_run_is_counted_when_the_run_goes_on() -> None:
    run = Run(since=100, detected=104, observed=20, expected=10.0)
    # Twice the expectation against once: a quiet bin is worth 2 - 1 = 1 nat, and 3 events outweigh it by 3 log 2 - 1.
    assert extended(run, [0, 3], longest=1_000) == [True, True]
    assert (run.until, run.observed, run.expected) == (None, 23, 12.0)
