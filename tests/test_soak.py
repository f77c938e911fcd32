"""`make soak` itself: a little of it, with seeds that nobody chose for being easy."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from apache_kafka import class_path

#: Far more than it takes.
SECONDS = 850
SOAK = Path(__file__).with_name("soak.py")


@pytest.mark.timeout(SECONDS + 50)
def test_workers_under_every_fault_write_the_rows_of_those_without() -> None:
    class_path()
    found = soak("--kills", "20", "--seed", "41")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "verdict: all rows equal those without faults" in found.stdout
    assert number_of("kills", found.stdout) >= 20
    assert number_of("kills inside a flush", found.stdout) >= 3


def test_simulated_schedules_from_the_command_line() -> None:
    found = soak("--schedules", "400", "--seed", "77")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "logs 77 to 78, seeds 0 to 199 on each" in found.stdout
    assert number_of("kills inside a flush", found.stdout) >= 100


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOAK), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def number_of(name: str, output: str) -> int:
    found = re.search(rf"^  {name}: ([\d,]+)$", output, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else 0
