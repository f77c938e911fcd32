"""`make soak`: as many simulated schedules of faults as wanted, over logs and seeds of one's own.

    python tests/soak.py --schedules 100000 --seed 7

Prints what happened and the verdict. A failure names log and seed; the same ones fail again.
"""

import argparse
import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

SCHEDULES_PER_LOG = 200


def main() -> int:
    """0 when all schedules gave the rows that they should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=20_000, help="how many, about")
    parser.add_argument("--seed", type=int, default=1, help="of the first log; the others follow")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    logs = range(options.seed, options.seed + max(1, options.schedules // SCHEDULES_PER_LOG))
    faults: Counter[str] = Counter()
    failures: list[str] = []
    started_at, shown_at = time.monotonic(), 0.0
    with ProcessPoolExecutor(options.processes, initializer=logging.disable, initargs=(logging.CRITICAL,)) as pool:
        running = [pool.submit(soak, log) for log in logs]
        for done, future in enumerate(as_completed(running), 1):
            found, failure = future.result()
            faults += found
            failures += [failure] if failure else []
            if time.monotonic() - shown_at > 10 or done == len(running):
                shown_at = time.monotonic()
                print(f"{done * SCHEDULES_PER_LOG:,} schedules in {shown_at - started_at:.0f} s", flush=True)
    print(f"logs {logs.start} to {logs.stop - 1}, seeds 0 to {SCHEDULES_PER_LOG - 1} on each")
    for name, number in sorted(faults.items()):
        print(f"  {name}: {number:,}")
    for failure in failures:
        print(f"FAILED {failure}")
    print("verdict: " + ("rows differ" if failures else "all rows equal those without faults"))
    return 1 if failures else 0


def soak(log: int) -> tuple[Counter[str], str]:
    """Schedules over one log: what happened, and what went wrong, '' for nothing."""
    from test_faults_simulated import check

    try:
        return check([log], range(SCHEDULES_PER_LOG)), ""
    except AssertionError as error:
        return Counter(), str(error).partition("\n")[0] or repr(error)


if __name__ == "__main__":
    sys.exit(main())
