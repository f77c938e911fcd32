"""Starting, refusing, beginning a new epoch, and what the commands say."""

import asyncio
import json
import re
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.commands.epoch import begin_epoch
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka
from pipeline.errors import ClickHouseRejectedError, KafkaUnavailableError, SettingsError
from pipeline.kafka.admin import Broker
from pipeline.kafka.consumer import GroupConsumer
from pipeline.kafka.producer import Publisher
from pipeline.ledger.checkpoints import of_partition, read_checkpoint
from pipeline.ledger.rows import checkpoint_section, ledger_block
from pipeline.settings import load
from tests.support.kafka import ApacheKafka
from tests.support.page import Page
from tests.support.system import PARTITIONS, System, wait_for
from tests.system.test_bad_input import encoded

SOME = [(b"a", encoded(id=f"e{number}", subject=f"c{number}")) for number in range(40)]


def test_a_worker_without_migrations_says_what_to_run(
    kafka: EmbeddedKafka | ApacheKafka, clickhouse: EmbeddedClickHouse, tmp_path: Path
) -> None:
    system = System(kafka.bootstrap, clickhouse.url, "unmigrated", "nowhere", tmp_path)
    worker = system.start_worker()
    assert worker.wait(timeout=60) == 2
    assert "run: sichtflug migrate" in system.log()
    # Only that is wrong; what cannot be looked at without them is open.
    told = [line.split(":")[0] for line in system.run("check").stdout.splitlines() if not line.startswith("ok ")]
    assert told == ["wrong migrations", "open  rules", "open  log"]
    system.stop()


def test_migrate_says_what_it_would_do_does_it_and_then_has_nothing_to_do(
    kafka: EmbeddedKafka | ApacheKafka, clickhouse: EmbeddedClickHouse, tmp_path: Path
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


def test_every_column_of_the_views_for_people_has_a_comment(system: System) -> None:
    views = system.door.rows(
        "SELECT table, countIf(comment = ''), count() FROM system.columns WHERE database = currentDatabase() "
        "AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View') "
        "AND table NOT IN ('panes', 'checkpoints', 'conversations') GROUP BY table"
    )
    files = (Path(__file__).parents[2] / "deploy" / "clickhouse" / "views").glob("*.sql")
    sql = "\n".join(file.read_text() for file in files)
    created = set(re.findall(r"VIEW (\w+)", sql)) - {"panes", "panes_between", "checkpoints", "conversations"}
    # Those with parameters are not among the engine's columns.
    parameterised = dict(re.findall(r"VIEW (\w+_(?:at|between)) \(\n(.*?)\n\) AS", sql, re.DOTALL))
    assert {view for view, *_ in views} == created - parameterised.keys()
    assert all(" COMMENT '" in line for columns in parameterised.values() for line in columns.splitlines())
    assert [view for view, without, _ in views if without] == []


def test_a_worker_that_starts_before_kafka_says_so_and_folds_once_kafka_is_there(system: System) -> None:
    with EmbeddedKafka() as broker:
        system.bootstrap = system.environment["SICHTFLUG_KAFKA_BOOTSTRAP"] = broker.bootstrap
        broker.kill()
        system.start_worker()
        absent = f"Kafka at {broker.bootstrap} does not answer within 5 s"
        wait_for(lambda: absent in system.log(), 30, system.log)
        broker.start()
        Broker(broker.bootstrap).ensure_topic(system.topic, PARTITIONS, 1)
        system.publish(SOME)
        system.wait_until_folded()
    assert system.books()["applied"] == len(SOME)
    assert "Metadata" not in system.log()


def test_a_worker_that_waits_for_kafka_ends_soon_when_told_to(system: System) -> None:
    with EmbeddedKafka() as broker:
        broker.kill()
        worker = system.start_worker(kafka_bootstrap=broker.bootstrap)
        wait_for(lambda: "does not answer" in system.log(), 30, system.log)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0
    assert "stopped before it began" in system.log()


def test_a_recreated_topic_is_refused_until_a_new_epoch_begins_and_then_conversations_go_on(
    clickhouse: EmbeddedClickHouse, system: System, tmp_path: Path
) -> None:
    with EmbeddedKafka() as broker:
        system.bootstrap = broker.bootstrap
        system.environment["SICHTFLUG_KAFKA_BOOTSTRAP"] = broker.bootstrap
        Broker(broker.bootstrap).ensure_topic(system.topic, PARTITIONS, 1)
        system.publish(SOME)
        worker = system.start_worker()
        system.wait_until_folded()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0

        broker.kill()
        broker.start()
        Broker(broker.bootstrap).ensure_topic(system.topic, PARTITIONS, 1)
        worker = system.start_worker()
        assert worker.wait(timeout=60) == 2
        assert f"run: sichtflug epoch --topic {system.topic}" in system.log()

        dry = system.run("epoch", "--topic", system.topic, "--why", "test", "--dry-run")
        assert f"would begin epoch 2 of {system.topic}[0] at offset 0" in dry.stdout
        assert "began epoch 2" in system.run("epoch", "--topic", system.topic, "--why", "test").stdout
        # The same events again are duplicates, a departure finds its conversation open.
        system.publish([*SOME, (b"a", encoded(id="new", subject="c0", type="conversation.resolved"))])
        system.start_worker()
        wait_for(lambda: sum(system.positions().values()) == len(SOME) + 1, 60, system.log)
        facts = dict(system.door.rows("SELECT state, count() FROM conversation_facts GROUP BY state"))
        assert facts == {"open": 39, "resolved": 1}
        open_count = system.door.rows(
            "SELECT sum(open_count) FROM backlog_by_day WHERE day = (SELECT max(day) FROM backlog_by_day)"
        )
        assert open_count == [(39,)]
        books = system.door.rows("SELECT sum(applied_count), sum(duplicate_count) FROM checkpoints WHERE epoch = 2")
        assert books == [(1, 40)]


def test_heartbeats_on_several_partitions_are_refused(system: System) -> None:
    Broker(system.bootstrap).ensure_topic(f"{system.topic}.panes", 2, 1)
    assert system.start_worker().wait(timeout=60) == 2
    refusal = f"expected 1 partition of the topic {system.topic}.panes, it has 2"
    assert refusal in system.log()
    assert refusal in system.run("check").stdout


def test_an_epoch_with_another_number_of_partitions_is_refused(system: System) -> None:
    system.publish(SOME)
    worker = system.start_worker()
    system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=30)
    with EmbeddedKafka() as other:
        Broker(other.bootstrap).ensure_topic(system.topic, PARTITIONS + 1, 1)
        found = system.run("epoch", "--topic", system.topic, "--why", "more", kafka_bootstrap=other.bootstrap)
    assert found.returncode == 2
    assert "the ledger was written with 4 partitions, the topic has 5" in found.stderr


OTHER_RULES = """
[rules.targets]
first_response_seconds = 600
"""


def test_other_rules_are_refused_while_workers_with_the_old_ones_run_and_take_effect_once_they_have_stopped(
    system: System, tmp_path: Path
) -> None:
    file = tmp_path / "other.toml"
    file.write_text(OTHER_RULES)
    system.publish(SOME)
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
    # The partition of the last event is in configuration 2; without a target the events before promise nothing.
    numbers = system.door.rows(
        "SELECT configuration_number, uniqExact(configuration), min(kafka_partition) = max(kafka_partition) "
        "FROM checkpoints WHERE consumed_count > 0 GROUP BY configuration_number ORDER BY configuration_number"
    )
    assert numbers == [(2, 1, True)]
    assert system.door.rows("SELECT sum(sla_due_first_response_count) FROM panes WHERE tier = 'day'") == [(1,)]


def test_a_worker_that_comes_upon_a_newer_configuration_stops(system: System) -> None:
    system.publish(SOME)
    old = system.start_worker()
    system.wait_until_folded()
    # Another worker, with rules that came later, wrote the partitions: those of the log's end, as an epoch begins.
    for partition in range(PARTITIONS):
        found = read_checkpoint(system.door, of_partition(system.topic, partition))
        if found is None:
            continue
        found.configuration, found.configuration_number, found.next_offset = "f" * 16, 2, found.next_offset + 1000
        block = ledger_block(system.topic, partition, found.revision, [checkpoint_section(found)])
        system.door.insert("ledger", block.columns, block.body, block.row_count, f"newer-{partition}")
    assert old.wait(timeout=60) == 2
    assert (
        "a checkpoint was written with configuration ffffffffffffffff, which is newer than this worker's"
        in system.log()
    )


def test_days_of_another_zone_are_refused(system: System, tmp_path: Path) -> None:
    file = tmp_path / "zone.toml"
    file.write_text("[rules]\nreporting_zone = 'Europe/Berlin'")
    system.publish(SOME)
    worker = system.start_worker()
    system.wait_until_folded()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    refused = system.start_worker(config=str(file))
    assert refused.wait(timeout=60) == 2
    assert "the days in the ledger are those of UTC, the configuration says reporting_zone = 'Europe/Berlin'" in (
        system.log()
    )


def test_an_epoch_of_an_unknown_topic_writes_nothing(system: System) -> None:
    assert begin_epoch(system.door, Broker(system.bootstrap), "never_seen", "test", 1) == []


def test_metrics_liveness_and_readiness_over_http(system: System) -> None:
    system.publish(SOME)
    system.start_worker(metrics_port="0")
    system.wait_until_folded()
    address = system.log().partition("metrics on ")[2].partition("/metrics")[0]

    def get(path: str) -> str:
        try:
            with urllib.request.urlopen(f"{address}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"

    assert get("/livez") == "ok\n"
    # The interactions are folded, the customers may still wait for their group.
    waiting = "503 customers: waiting for the group to assign partitions, or restoring them\n"
    wait_for(lambda: get("/readyz") in (waiting, "ok\n"), 1)
    wait_for(lambda: get("/readyz") == "ok\n", 20)
    wait_for(lambda: sum_of(get("/metrics"), "sichtflug_applied_records") == 40, 10)
    text = get("/metrics")
    assert sum_of(text, "sichtflug_consumed_records") == 40
    assert sum_of(text, "sichtflug_lag_records") == 0
    assert sum_of(text, "sichtflug_open_conversations") == 40
    assert sum_of(text, "sichtflug_freshness_seconds_count") >= 1


def sum_of(metrics: str, name: str) -> float:
    return sum(
        float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith((f"{name}{{", f"{name} "))
    )


def test_check_says_what_is_right_and_what_is_wrong(system: System) -> None:
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
def test_simulate_ends_in_order_when_told_to_also_in_the_background_of_a_script(system: System, number: int) -> None:
    # A shell that is no terminal starts what goes into the background with SIGINT ignored.
    ignoring = f"trap '' INT; exec {sys.executable} -m pipeline.cli simulate --rate 100 --truth truth.json"
    Broker(system.bootstrap).ensure_topic(system.topic, 4, 1)
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


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "SICHTFLUG_KAFKA_TOPICS",
            "x",
            "SICHTFLUG_KAFKA_TOPICS is not a setting; did you mean SICHTFLUG_KAFKA_TOPIC? ",
        ),
        ("SICHTFLUG_METRICS_PORT", "many", "SICHTFLUG_METRICS_PORT='many': expected a whole number"),
        ("SICHTFLUG_METRICS_PORT", "99999", "expected -1 to 65535"),
        ("SICHTFLUG_CLICKHOUSE_URL", "ftp://x", "expected http or https"),
        ("SICHTFLUG_DEAD_LETTER_LIMIT", "0", "expected a share above 0"),
        ("SICHTFLUG_CONFIG", "/nowhere.toml", "expected a file, found none"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_expected(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        load({variable: value})


RULE_NAMES = (
    "channels, targets, queues, calendars, idle_limit_seconds, allowed_lateness_seconds, reporting_zone, cell_limit"
)
TARGET_NAMES = "first_response_seconds, next_response_seconds, resolution_seconds"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            'kafka_topics = "x"',
            "kafka_topics is not a setting; did you mean kafka_topic? expected one of kafka_bootstrap, ",
        ),
        ("[rules]\nzone = 1", f"rules.zone is not a setting; expected one of {RULE_NAMES}"),
        ("[rules.targets]\nfirst = 1", f"rules.targets.first is not a setting; expected one of {TARGET_NAMES}"),
        ("[rules.queues.a]\nhours = 1", "rules.queues.*.hours is not a setting; expected one of calendar, targets"),
        (
            "[rules.queues.a.targets]\nfirst = 1",
            f"rules.queues.*.targets.first is not a setting; expected one of {TARGET_NAMES}",
        ),
        ("[rules.channels.fax]\nway = 1", "rules.channels.*.way is not a setting; expected one of mode, visibility"),
        ('flush_seconds = "1 s"', "flush_seconds: expected a number, found a text"),
        ("kafka_partitions = 1.5", "kafka_partitions: expected a whole number, found a number"),
        (
            '[rules.targets]\nresolution_seconds = "1h"',
            "rules.targets.resolution_seconds: expected a whole number or nothing, found a text",
        ),
        (
            '[rules.queues.a]\ncalendar = "office"',
            "rules: queues.a.calendar: expected one of rules.calendars (there are none), got 'office'",
        ),
        ("rules = 5", "rules: expected a table, found a whole number"),
        ('[rules.idle_limit_seconds]\nfax = "x"', "rules.idle_limit_seconds.*: expected a whole number, found a text"),
        ("kafka_topic = [1,\n", "expected TOML: Invalid value (at end of document)"),
        ("kafka_topic = {a = 1\n", "expected TOML: Unclosed inline table (at line 1, column 21)"),
        ('kafka_topic = """x', "expected TOML: Unterminated string (at end of document)"),
        ("metrics_port = " + "9" * 5_000, "expected TOML: a number of thousands of digits"),
        ("kafka_topic = " + "[" * 5_000, "expected TOML: a number of thousands of digits, or thousands of brackets"),
        ('kafka_topic = "x\n', "expected TOML: Error (at line 1, column 17)"),
    ],
)
def test_a_fault_of_the_file_is_said_in_words(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(SettingsError) as found:
        load({"SICHTFLUG_CONFIG": str(file)})
    assert str(found.value).startswith(f"{file}: {said}")


def test_a_wrong_password_names_the_settings(clickhouse: EmbeddedClickHouse) -> None:
    door = ClickHouse(clickhouse.url.replace(clickhouse.password, "wrong"), "default")
    with pytest.raises(ClickHouseRejectedError, match="SICHTFLUG_CLICKHOUSE_USER and SICHTFLUG_CLICKHOUSE_PASSWORD"):
        door.rows("SELECT 1")


def test_a_secret_setting_is_never_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"SICHTFLUG_PSEUDONYM_KEY": "s3cret" * 20})
    assert "s3cret" not in str(caught.value)


def test_rules_come_from_the_file_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "sichtflug.toml"
    file.write_text(
        """
        kafka_topic = "from_file"
        metrics_port = 1
        [rules.targets]
        first_response_seconds = 600
        [rules.channels.fax]
        mode = "async"
        """
    )
    settings = load({"SICHTFLUG_CONFIG": str(file), "SICHTFLUG_METRICS_PORT": "2"})
    assert (settings.kafka_topic, settings.metrics_port) == ("from_file", 2)
    assert settings.rules.targets.first_response_seconds == 600


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "Europe"])
def test_a_zone_that_nobody_knows_stops_the_start_by_its_name(tmp_path: Path, zone: str) -> None:
    file = tmp_path / "sichtflug.toml"
    file.write_text(f"[rules]\nreporting_zone = '{zone}'")
    with pytest.raises(
        SettingsError, match=f"reporting_zone: expected a time zone such as Europe/Berlin, got '{zone}'"
    ):
        load({"SICHTFLUG_CONFIG": str(file)})


def test_the_demo_runs_ends_by_itself_and_goes_on_from_its_data(tmp_path: Path) -> None:
    def demo() -> str:
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "demo", "--seconds", "8", "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    first, second = demo(), demo()
    for output in (first, second):
        assert "balances" in output
        assert "Last hour by channel" in output
    with EmbeddedClickHouse(tmp_path / "clickhouse") as clickhouse:
        door = ClickHouse(clickhouse.url, "sichtflug")
        assert door.rows("SELECT count() > 0, uniqExact(epoch) FROM checkpoints WHERE consumed_count > 0") == [
            (True, 2)
        ]
        balance = door.rows(
            "SELECT (SELECT sum(open_count) FROM backlog_age), (SELECT count() FROM conversations WHERE state = 'open')"
        )
        door.close()
    assert balance[0][0] == balance[0][1] > 0


def test_the_page_of_a_demo_asks_the_demos_worker_for_its_metrics(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "pipeline.cli", "demo", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        name, url = demo.stdout.readline().split()
        assert name == "dashboards"
        page = Page(urllib.parse.urlsplit(url).port or 0)
        pipeline = page.get("/api/dashboards/sichtflug-pipeline").json
        lag = next(panel["id"] for panel in pipeline["panels"] if panel["title"] == "Consumer lag")
        try:
            wait_for(lambda: bool(_series(page, lag)), 60, lambda: page.panel("sichtflug-pipeline", lag).body.decode())
        finally:
            demo.terminate()
            demo.communicate(timeout=60)
    assert demo.returncode == 0


def _series(page: Page, number: int) -> Any:
    found = page.panel("sichtflug-pipeline", number)
    return found.status == 200 and found.json["frames"][0]["series"]


def test_a_kafka_that_goes_away_while_a_worker_joins_is_waited_for() -> None:
    """Between its first look at the topics and its membership: nobody listens at this port."""

    async def join() -> None:
        with pytest.raises(KafkaUnavailableError, match="does not answer"):
            await Publisher("127.0.0.1:9").start()
        handler: Any = SimpleNamespace()
        consumer = GroupConsumer("group", "127.0.0.1:9", "topic", 10.0, handler)
        with pytest.raises(KafkaUnavailableError, match="does not answer"):
            await consumer._start()
        # The next try begins afresh: a Faust app that could not connect cannot be started again.
        first = consumer._app
        joining = asyncio.create_task(consumer.start())
        await asyncio.sleep(0.5)
        assert not joining.done()
        assert consumer._app is not first
        joining.cancel()
        await consumer.stop()

    asyncio.run(join())
