"""Effects and output of the commands: migrate, check, simulate and replay."""

import json
import secrets
import signal
import sys
from pathlib import Path

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.kafka.admin import KafkaAdmin
from tests.support.kafka import Kafka
from tests.support.records import encoded
from tests.support.system import System, wait_for


def test_migrate_prints_its_plan_applies_it_and_then_does_nothing(
    kafka: Kafka, clickhouse: EmbeddedClickHouse, tmp_path: Path
) -> None:
    name = f"migrated_{secrets.token_hex(4)}"
    system = System(kafka.bootstrap, clickhouse.url, name, name, tmp_path)
    planned = system.run("migrate", "--dry-run").stdout
    assert planned.startswith("would apply 0001 create_ledger\n")
    assert "would apply views/backlog.sql\n" in planned
    assert system.run("migrate").stdout == planned.replace("would apply", "applied")
    assert system.run("migrate").stdout.strip() == "up to date"
    assert system.run("migrate", "--dry-run").stdout.strip() == "up to date"
    system.stop()


def test_check_reports_what_is_right_and_what_is_wrong(system: System) -> None:
    well = system.run("check")
    assert well.returncode == 0, well.stdout
    assert well.stdout.count("ok ") == 7
    ill = system.run("check", kafka_bootstrap="127.0.0.1:9")
    assert ill.returncode == 1
    assert "wrong Kafka" in ill.stdout


def test_simulate_writes_its_ground_truth(system: System) -> None:
    found = system.run("simulate", "--rate", "200", "--seed", "5", "--seconds", "2", "--truth", "truth.json")
    assert found.returncode == 0, found.stderr
    truth = json.loads((system.directory / "truth.json").read_text())
    assert truth["seed"] == 5
    assert len(system.records()) == truth["sent_count"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_simulate_stops_cleanly_on_a_signal_even_in_the_background_of_a_script(system: System, number: int) -> None:
    # A non-interactive shell starts background jobs with SIGINT ignored.
    ignoring = f"trap '' INT; exec {sys.executable} -m pipeline.cli simulate --rate 100 --truth truth.json"
    KafkaAdmin(system.bootstrap).ensure_topic(system.topic, 4, 1)
    customers = system.start(["sh", "-c", ignoring])
    wait_for(lambda: sum(system.log_ends(system.topic).values()) > 20, 60, system.log)
    customers.send_signal(number)
    assert customers.wait(30) == 0, system.log()
    truth = json.loads((system.directory / "truth.json").read_text())
    assert truth["sent_count"] == len(system.records())


def test_replay_shifts_times_to_now_and_refuses_a_missing_file(system: System, tmp_path: Path) -> None:
    file = tmp_path / "old.ndjson"
    file.write_bytes(encoded(time="2016-01-01T00:00:00Z", subject="old"))
    assert system.run("replay", str(file), "--speed", "max", "--shift-to-now").returncode == 0
    ((_, record),) = system.records()
    assert json.loads(record.value)["time"] > "2026"
    missing = system.run("replay", "nowhere.ndjson")
    assert missing.returncode == 2
    assert "nowhere.ndjson: expected a file, found none" in missing.stderr
