"""The part of `make soak` that samples one worker's memory every minute, under live traffic at a steady rate.

`docs/reliability.md` says what is kept in memory and how much of it; an hour shows where it levels off.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil

from pipeline.signals import Stopped
from tests.faults.verdict import Verdict
from tests.support.system import System

MEBIBYTE = 1 << 20
#: A worker keeps up if its lag is less than what is sent in this many seconds.
BEHIND_SECONDS = 20


class Minute(NamedTuple):
    """The observations at the end of a minute. The rates and the CPU share are those of that minute."""

    minute: int
    worker_mebibytes: float
    processor_ratio: float
    folded_per_second: float
    behind_count: int
    open_count: int
    known_count: int

    def __str__(self) -> str:
        return (
            f"{self.minute:3d} min  worker {self.worker_mebibytes:6.1f} MiB  CPU {self.processor_ratio:4.0%}  "
            f"{self.folded_per_second:6,.0f} events/s  behind {self.behind_count:6,}  open {self.open_count:8,}  "
            f"conversations ever {self.known_count:10,}"
        )


def soak_memory(
    system: System, minutes: float, rate: float, seed: int, print_progress: Callable[[str], None]
) -> Verdict:
    """Run one worker and `sichtflug simulate` at a given rate, for a given time."""
    verdict = Verdict(
        f"one worker at {rate:,.0f} events/s for {minutes:g} min, seed {seed}",
        claim="the worker kept up, and every record is in the books",
    )
    worker = system.start_worker()
    system.wait_until_folded()
    truth = system.directory / "ground-truth.json"
    options = {"--rate": rate, "--seed": seed, "--seconds": 60 * minutes, "--truth": truth}
    given = [str(word) for option in options.items() for word in option]
    bulk_producer = system.start([sys.executable, "-m", "pipeline.cli", "simulate", *given])
    try:
        for seen in watched(system, worker, minutes):
            verdict.faults["MiB at the most"] = max(verdict.faults["MiB at the most"], round(seen.worker_mebibytes))
            verdict.faults["minutes watched"] = seen.minute
            print_progress(str(seen))
            if seen.behind_count > BEHIND_SECONDS * rate:
                verdict.failures.append(f"the worker is behind: {seen}")
        if bulk_producer.wait(60) != 0:
            verdict.failures.append(f"the traffic ended with {bulk_producer.returncode}: {system.log()[-1000:]}")
        system.wait_until_folded()
        if system.books()["consumed"] != sum(system.log_ends().values()):
            verdict.failures.append(f"the books do not have every record: {system.books()}, {system.log_ends()}")
    except AssertionError as error:
        verdict.failures.append(str(error))
    except Stopped:
        verdict.given_up = f"after {verdict.faults['minutes watched']} of {minutes:g} min"
    return verdict


def watched(system: System, worker: subprocess.Popen[bytes], minutes: float) -> Iterator[Minute]:
    """Yield a worker's figures minute by minute. Raises AssertionError when it ends."""
    process = psutil.Process(worker.pid)
    began_at = looked_at = time.monotonic()
    used_seconds, folded = _used_seconds(process), system.books()["consumed"]
    for minute in range(1, math.ceil(minutes) + 1):
        time.sleep(max(0.0, began_at + min(minute, minutes) * 60 - time.monotonic()))
        assert worker.poll() is None, f"the worker ended with {worker.returncode}: {system.log()[-2000:]}"
        now, used, books = time.monotonic(), _used_seconds(process), system.books()
        [(open_count, known_count)] = system.client.rows("SELECT countIf(state = 'open'), count() FROM conversations")
        yield Minute(
            minute,
            process.memory_info().rss / MEBIBYTE,
            (used - used_seconds) / (now - looked_at),
            (books["consumed"] - folded) / (now - looked_at),
            sum(system.log_ends().values()) - books["consumed"],
            int(open_count),
            int(known_count),
        )
        looked_at, used_seconds, folded = now, used, books["consumed"]


def _used_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
