"""Runs one measurement in a process of its own and takes its answer: one JSON object on standard output."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psutil

from pipeline.embedded.child import MODULE, Child

#: Longest that any one measurement may take, in seconds; it is ended then.
LIMIT_SECONDS = 900.0

Answer = TypeVar("Answer")


class MeasurementError(RuntimeError):
    """A measurement ended with an error, gave no answer, or took too long. The message has the end of its log."""


def measured(module: str, answer: type[Answer], log: Path, arguments: msgspec.Struct) -> Answer:
    """What `python -m benchmarks.<module>` answers. Raises MeasurementError."""
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
    """The arguments that `measured` gave to this process."""
    return msgspec.json.decode(sys.argv[1], type=kind)


def answer(result: Any) -> None:
    """Give the result to `measured`; the last thing a measurement does."""
    sys.stdout.buffer.write(msgspec.json.encode(result))
    sys.stdout.buffer.flush()


def plain_environment() -> dict[str, str]:
    """Our environment without the settings of the project: a benchmark runs with its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SICHTFLUG_")}


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, user and system, in all its threads."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def resident_bytes() -> int:
    """Resident memory of this process after a collection of what is garbage."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)
