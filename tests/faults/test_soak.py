"""`make soak` itself, briefly, with arbitrary seeds."""

import re
import signal
import subprocess
import sys

import pytest

from tests.faults.verdict import Verdict
from tests.support.kafka import class_path

#: Far more than needed.
SECONDS = 1_700
SOAK = ("-m", "tests.faults.soak")


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_soak_reports_its_results_so_far(number: signal.Signals) -> None:
    command = [sys.executable, *SOAK, "--schedules", "1000000", "--seed", "78"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        assert "schedules in" in process.stdout.readline()
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(r"^told to stop: 4,99\d of 5,000 logs$", output, re.MULTILINE)
    assert number_of("kills inside a flush", output) >= 30
    assert output.endswith("verdict: all rows equal those without faults\n")


def test_a_soak_that_compared_nothing_has_no_verdict() -> None:
    assert Verdict("", given_up="round 7").lines() == [
        "told to stop: round 7",
        "verdict: none, nothing was compared yet",
    ]


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *SOAK, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def number_of(name: str, output: str) -> int:
    found = re.search(rf"^  {name}: ([\d,]+)$", output, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else 0
