"""The simulated part of `make soak`: schedules of faults over many logs, on all cores."""

import gc
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed

from pipeline.signals import Stopped
from tests.faults.schedule_runs import check
from tests.faults.verdict import Verdict

SCHEDULES_PER_LOG = 200


def soak_schedules(count: int, seed: int, processes: int, print_progress: Callable[[str], None]) -> Verdict:
    """Run about `count` schedules, log after log from `seed` on. A failure names log and seed.

    `Stopped` ends it early, with the verdict over the logs done so far.
    """
    logs = range(seed, seed + max(1, count // SCHEDULES_PER_LOG))
    verdict = Verdict(f"logs {logs.start} to {logs.stop - 1}, seeds 0 to {SCHEDULES_PER_LOG - 1} on each")
    started_at, told_at, done = time.monotonic(), 0.0, 0
    with ProcessPoolExecutor(processes, initializer=_begin) as pool:
        running = [pool.submit(_soak, log) for log in logs]
        try:
            for done, future in enumerate(as_completed(running), 1):
                faults, failure = future.result()
                verdict.faults += faults
                verdict.failures += [failure] if failure else []
                if time.monotonic() - told_at > 10 or done == len(running):
                    told_at = time.monotonic()
                    print_progress(f"{done * SCHEDULES_PER_LOG:,} schedules in {told_at - started_at:.0f} s")
        except Stopped:
            pool.shutdown(cancel_futures=True)
            verdict.given_up = f"{len(running) - done:,} of {len(running):,} logs"
    return verdict


def _begin() -> None:
    """Prepare a process of the pool: no output, and exit when there is no more work."""
    logging.disable(logging.CRITICAL)
    # A schedule makes many objects and hardly any cycles: collecting them took a seventh of the time.
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _soak(log: int) -> tuple[Counter[str], str]:
    """Run schedules over one log; return counts by fault, and what failed ('' for nothing)."""
    try:
        return check([log], range(SCHEDULES_PER_LOG)), ""
    except AssertionError as error:
        return Counter(), str(error).partition("\n")[0] or repr(error)
