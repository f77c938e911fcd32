"""Runs one measurement in its own process and reads its result: one JSON object on standard output."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psutil

from pipeline.embedded.child import MODULE, Child

#: Time limit in seconds for any one measurement, which is then terminated.
LIMIT_SECONDS = 900.0

Answer = TypeVar("Answer")


class MeasurementError(RuntimeError):
    """A measurement failed, gave no result, or timed out. The message includes the end of its log."""


def measured(module: str, answer: type[Answer], log: Path, arguments: msgspec.Struct) -> Answer:
    """Return the result of `python -m benchmarks.<module>`. Raises MeasurementError."""
    child = Child(
        [*MODULE, f"benchmarks.{module}", msgspec.json.encode(arguments).decode()],
        log=log,
        environment=plain_environment(),
        answers=True,
    )
    try:
        output, _ = child.process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{module}: no answer after {LIMIT_SECONDS:.0f} s; {child.log_tail()}") from None
    finally:
        child.stop()
    if child.process.returncode != 0 or not output:
        raise MeasurementError(f"{module}: exit status {child.process.returncode}; {child.log_tail()}")
    return msgspec.json.decode(output, type=answer)


def arguments_of(kind: type[Answer]) -> Answer:
    """Return the arguments that `measured` passed to this process."""
    return msgspec.json.decode(sys.argv[1], type=kind)


def answer(result: Any) -> None:
    """Send the result to `measured`, as the last action of a measurement."""
    sys.stdout.buffer.write(msgspec.json.encode(result))
    sys.stdout.buffer.flush()


def plain_environment() -> dict[str, str]:
    """Return our environment without the project's settings: a benchmark uses its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SICHTFLUG_")}


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far, user and system, over all its threads."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def resident_bytes() -> int:
    """Return the resident memory of this process after a garbage collection."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)
