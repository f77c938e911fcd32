"""The output of `sichtflug embedded` and `sichtflug demo` can be pasted into another terminal."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.system import wait_for

COMMAND = [sys.executable, "-u", "-m", "pipeline.cli"]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("SICHTFLUG_")}
HARD = "a/b@c#d%e:f'%41"


def run(environment: dict[str, str], directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    "configured", [{}, {"SICHTFLUG_CLICKHOUSE_PASSWORD": HARD}, {"SICHTFLUG_CLICKHOUSE_PASSWORD_FILE": "mine"}]
)
def test_the_output_of_embedded_is_all_that_another_terminal_needs(tmp_path: Path, configured: dict[str, str]) -> None:
    (tmp_path / "mine").write_text(HARD + "\n")
    command = [*COMMAND, "embedded", "--kafka-port", "0", "--clickhouse-port", "0"]
    environment = PLAIN | configured
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as embedded:
        assert embedded.stdout is not None
        try:
            lines = []
            while "ready" not in (line := embedded.stdout.readline()):
                assert line, "it ended"
                lines.append(line)
            assert HARD not in "".join(lines)
            exported = dict(shlex.split(line)[1].split("=", 1) for line in lines if line.startswith("export "))
            assert ("SICHTFLUG_CLICKHOUSE_PASSWORD" in exported) is (not configured)
            other = environment | exported
            assert (done := run(other, tmp_path, "migrate")).returncode == 0, done.stdout + done.stderr
            assert (done := run(other, tmp_path, "check")).returncode == 0, done.stdout + done.stderr
            wrong = other | {"SICHTFLUG_CLICKHOUSE_PASSWORD": "guess", "SICHTFLUG_CLICKHOUSE_PASSWORD_FILE": ""}
            assert "Authentication failed" in (done := run(wrong, tmp_path, "migrate")).stdout + done.stderr
            del other["SICHTFLUG_PSEUDONYM_KEY_FILE"]
            done = run(other, tmp_path, "check")
            assert (done.returncode, "SICHTFLUG_PSEUDONYM_KEY is not set" in done.stdout) == (1, True)
        finally:
            embedded.send_signal(signal.SIGTERM)
            embedded.wait(30)


def test_the_line_a_demo_prints_works_and_its_key_and_password_persist(tmp_path: Path) -> None:
    environment = PLAIN | {"SICHTFLUG_PAGE_PORT": "0", "SICHTFLUG_METRICS_PORT": "0"}
    command = [*COMMAND, "demo", "--data", str(tmp_path / "data")]
    secrets = set()
    for _ in range(2):
        with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            try:
                while not (line := demo.stdout.readline()).startswith("try "):
                    assert line, "it ended"
                query_command = line.partition(" ")[2].strip()

                def found(query_command: str = query_command) -> list[str]:
                    done = subprocess.run(
                        query_command, shell=True, capture_output=True, text=True, timeout=30, check=True
                    )
                    return done.stdout.splitlines()

                wait_for(lambda: len(found()) == 5, 90, lambda: (tmp_path / "data" / "worker.log").read_text())
            finally:
                demo.send_signal(signal.SIGINT)
                demo.communicate(timeout=60)
        files = [tmp_path / "data" / "pseudonym-key", tmp_path / "data" / "clickhouse" / "password"]
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
        secrets.add(tuple(file.read_text() for file in files))
    assert len(secrets) == 1
