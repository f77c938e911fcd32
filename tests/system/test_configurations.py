"""Rules or reporting days other than the ledger's are refused while they would mix, and then take effect."""

import signal
from pathlib import Path

from pipeline.ledger.checkpoints import of_partition, read_checkpoint
from pipeline.ledger.rows import checkpoint_section, ledger_block
from tests.support.records import FORTY_OPENED, encoded
from tests.support.system import PARTITIONS, System

OTHER_RULES = """
[rules.targets]
first_response_seconds = 600
"""


def test_new_rules_are_refused_while_old_workers_run_and_take_effect_once_they_stop(
    system: System, tmp_path: Path
) -> None:
    file = tmp_path / "other.toml"
    file.write_text(OTHER_RULES)
    system.publish(FORTY_OPENED)
    old = system.start_worker()
    system.wait_until_folded()

    refused = system.start_worker(config=str(file))
    assert refused.wait(timeout=60) == 2
    assert "workers with another one are still running" in system.log()
    assert "Stop all of them, then start them with the new one" in system.log()
    assert old.poll() is None

    old.send_signal(signal.SIGTERM)
    assert old.wait(timeout=30) == 0
    system.start_worker(config=str(file))
    system.publish([(b"a", encoded(id="later", subject="later", channel="phone"))])
    system.wait_until_folded()
    # The last event's partition is in configuration 2; without a target, earlier events start no SLA clock.
    numbers = system.client.rows(
        "SELECT configuration_number, uniqExact(configuration), min(kafka_partition) = max(kafka_partition) "
        "FROM checkpoints WHERE consumed_count > 0 GROUP BY configuration_number ORDER BY configuration_number"
    )
    assert numbers == [(2, 1, True)]
    assert system.client.rows("SELECT sum(sla_due_first_response_count) FROM panes WHERE tier = 'day'") == [(1,)]


def test_a_worker_that_finds_a_newer_configuration_stops(system: System) -> None:
    system.publish(FORTY_OPENED)
    old = system.start_worker()
    system.wait_until_folded()
    # Another worker with newer rules wrote the partitions at the log's end, where an epoch begins.
    for partition in range(PARTITIONS):
        found = read_checkpoint(system.client, of_partition(system.topic, partition))
        if found is None:
            continue
        found.configuration, found.configuration_number, found.next_offset = "f" * 16, 2, found.next_offset + 1000
        block = ledger_block(system.topic, partition, found.revision, [checkpoint_section(found)])
        system.client.insert("ledger", block.columns, block.body, block.row_count, f"newer-{partition}")
    assert old.wait(timeout=60) == 2
    assert (
        "a checkpoint was written with configuration ffffffffffffffff, which is newer than this worker's"
        in system.log()
    )


def test_days_of_another_zone_are_refused(system: System, tmp_path: Path) -> None:
    file = tmp_path / "zone.toml"
    file.write_text("[rules]\nreporting_zone = 'Europe/Berlin'")
    system.publish(FORTY_OPENED)
    worker = system.start_worker()
    system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    refused = system.start_worker(config=str(file))
    assert refused.wait(timeout=60) == 2
    assert "the days in the ledger are those of UTC, the configuration says reporting_zone = 'Europe/Berlin'" in (
        system.log()
    )
