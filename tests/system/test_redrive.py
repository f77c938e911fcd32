"""A redrive sends dead letters back once each, unchanged, whatever interrupts it."""

from collections.abc import Sequence

import pytest
from kafka import KafkaProducer

from pipeline.clickhouse.client import ClickHouse
from pipeline.commands import dead_letters as redriving
from pipeline.commands.dead_letters import Filter
from pipeline.contract.dead_letter import Origin
from pipeline.settings import Settings
from tests.support.records import encoded
from tests.support.system import System

pytestmark = pytest.mark.both_brokers("dead letters")

NOT_JSON = [(f"n{number}".encode(), b"no json %d" % number) for number in range(30)]
NO_TIME = [(f"t{number}".encode(), encoded(id=f"t{number}", time=None)) for number in range(20)]
HEADERS = [("trace", b"42")]


def reject(system: System) -> None:
    """Have a worker reject 30 records for one reason and 20 for another, and accept one."""
    producer: KafkaProducer = system.producer()
    for key, value in [*NOT_JSON, *NO_TIME, (b"g", encoded(id="g", subject="a"))]:
        producer.send(system.topic, key=key, value=value, headers=HEADERS)
    producer.flush()
    producer.close()
    fold(system)
    assert system.books()["rejected"] == 50


def fold(system: System) -> None:
    worker = system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    worker.terminate()
    assert worker.wait(timeout=30) == 0


def redrive(system: System, *arguments: str) -> list[str]:
    done = system.run("dead-letters", "redrive", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def test_a_foreign_letter_hides_no_other(system: System) -> None:
    reject(system)
    producer = system.librdkafka_producer()

    def produce(headers: list[tuple[str, str | bytes | None]], value: bytes) -> None:
        producer.produce(f"{system.topic}.dead-letter", value=value, key=b"\x1b[31m", headers=headers)

    ours = {"reason": "not_json", "topic": system.topic, "partition": "0", "offset": "7", "time": "0"}
    for changed in (
        {"time": str(-(2**52))},
        {"time": str(2**70)},
        {"time": "soon"},
        {"partition": "-1"},
        {"offset": str(2**80)},
        {"topic": None},
        {"reason": None},
        {"reason": "DEFAULT file('x')"},
    ):
        said: dict[str, str | None] = {**ours, **changed}
        produce(
            [(f"sichtflug-{name}", None if text is None else text.encode()) for name, text in said.items()], b"forged"
        )
    commands = b"\x1b]0;title\x07\x1b[2J"
    produce([("x\x1b[7m", None)], commands)
    ours |= {"offset": "123456"}
    produce([("x", b"\x1b[7m"), ("null", None), *((f"sichtflug-{n}", t.encode()) for n, t in ours.items())], commands)
    producer.flush(30)
    listed = system.run("dead-letters", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    # Terminal control sequences are shown as escapes.
    shown = system.run("dead-letters", "show", "0", "123456")
    assert shown.returncode == 0, shown.stderr
    assert "\x1b" not in shown.stdout
    assert "\\x1b]0;title" in shown.stdout
    assert redrive(system, "--reason", "missing_field")[0] == f"sent 20 dead letters to {system.topic}"
    # A letter with a null header goes back, too.
    assert redrive(system, "--reason", "not_json")[0] == f"sent 33 dead letters to {system.topic}"


def test_letters_are_redriven_once_unchanged_and_stay_if_rejected_again(system: System) -> None:
    reject(system)
    would = redrive(system, "--reason", "not_json", "--dry-run")
    assert would == [f"would send 30 dead letters to {system.topic}", "not_json: 30"]
    assert len(system.records()) == 51

    assert redrive(system, "--reason", "not_json") == [f"sent 30 dead letters to {system.topic}", "not_json: 30"]
    assert redrive(system, "--reason", "not_json") == [f"sent 0 dead letters to {system.topic}", "30 were sent before"]
    records = system.records()
    origins = {
        f"{system.topic}[{partition}]@{record.offset}".encode(): record
        for partition, record in records
        if len(record.headers) == 1
    }
    copies = [record for _, record in records if len(record.headers) == 2]
    assert len(copies) == 30
    for copy in copies:
        assert copy.headers[0] == HEADERS[0]
        name, came_from = copy.headers[1]
        assert name == "sichtflug-redriven-from"
        origin = origins.pop(came_from)
        assert (copy.key, copy.value) == (origin.key, origin.value)

    # Still not JSON: rejected again, with a new origin, and not redriven for ever.
    fold(system)
    assert system.books()["rejected"] == 80
    assert redrive(system, "--reason", "not_json") == [
        f"sent 0 dead letters to {system.topic}",
        "30 were sent before",
        "30 were sent before and came back rejected; --again sends them once more",
    ]
    assert redrive(system, "--reason", "not_json", "--again")[0] == f"sent 30 dead letters to {system.topic}"
    assert redrive(system)[:2] == [f"sent 20 dead letters to {system.topic}", "missing_field: 20"]


def test_our_headers_set_by_a_producer_are_not_trusted(system: System) -> None:
    """Whether a copy of letters or forged: they neither hold a record back nor change what is recorded about it."""
    forged_headers: list[tuple[str, bytes]] = [
        ("sichtflug-reason", b"tombstone"),
        ("sichtflug-topic", b"elsewhere"),
        ("sichtflug-partition", b"7"),
        ("sichtflug-offset", b"7"),
        ("sichtflug-time", b"7"),
        ("sichtflug-raw", b"1"),
        ("sichtflug-value-hash", b"1"),
        ("sichtflug-redriven-from", f"{system.topic}[0]@999999".encode()),
    ]
    producer = system.producer()
    producer.send(system.topic, key=b"k", value=b"no json", headers=forged_headers)
    producer.flush()
    producer.close()
    fold(system)
    assert redrive(system) == [f"sent 1 dead letter to {system.topic}", "not_json: 1"]
    [(partition, first), (_, copy)] = sorted(system.records(), key=lambda record: record[1].offset)
    assert (copy.key, copy.value) == (b"k", b"no json")
    came_from = f"{system.topic}[{partition}]@{first.offset}".encode()
    assert copy.headers == [*forged_headers[:-1], ("sichtflug-redriven-from", came_from)]
    # Its letter comes back, and is held.
    fold(system)
    assert redrive(system)[:3] == [
        f"sent 0 dead letters to {system.topic}",
        "1 were sent before",
        "1 were sent before and came back rejected; --again sends them once more",
    ]


def test_letters_are_filtered_by_time_and_the_list_shows_what_was_sent(system: System) -> None:
    reject(system)
    assert redrive(system, "--until", "2020-01-01") == [f"sent 0 dead letters to {system.topic}"]
    assert redrive(system, "--since", "2020-01-01T00:00:00", "--until", "2020-01-02")[0].startswith("sent 0")
    assert redrive(system, "--reason", "missing_field", "--since", "2020-01-01")[0].startswith("sent 20")
    listed = system.run("dead-letters", "list", "--limit", "100").stdout.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in listed if line.startswith("│")]
    assert {(row[5], row[7] != "") for row in rows} == {("not_json", False), ("missing_field", True)}
    assert len(rows) == 50
    few = system.run("dead-letters", "list", "--reason", "missing_field").stdout
    assert "not_json" not in few
    assert "missing_field" in few
    assert "no dead letters" in system.run("dead-letters", "list", "--until", "2020-01-01").stdout
    wrong = system.run("dead-letters", "redrive", "--reason", "no_such")
    assert wrong.returncode == 2
    assert "expected one of tombstone" in wrong.stderr


def settings_of(system: System) -> Settings:
    return Settings(
        kafka_bootstrap=system.bootstrap,
        kafka_topic=system.topic,
        clickhouse_url=system.url,
        clickhouse_database=system.database,
    )


def test_only_letters_interrupted_before_their_mark_are_sent_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(system)
    settings = settings_of(system)
    monkeypatch.setattr(redriving, "BATCH", 20)
    marks = []

    def fail_at_the_second(client: ClickHouse, origins: Sequence[Origin]) -> None:
        marks.append(origins)
        if len(marks) == 2:
            raise KeyboardInterrupt
        mark(client, origins)

    mark = redriving._mark
    monkeypatch.setattr(redriving, "_mark", fail_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        redriving.redrive(settings, Filter(), dry_run=False, again=False)
    assert len(system.records()) == 51 + 40
    done = redriving.redrive(settings, Filter(), dry_run=False, again=False)
    assert (done.sent.total(), done.already) == (30, 20)
    assert len(system.records()) == 51 + 40 + 30
    assert redriving.redrive(settings, Filter(), dry_run=False, again=False).sent.total() == 0


def test_letters_duplicated_by_a_crash_are_sent_once_and_foreign_ones_stay(system: System) -> None:
    reject(system)
    letters = [record for _, record in system.records(f"{system.topic}.dead-letter")]
    producer = system.producer()
    for letter in letters[:10]:
        producer.send(f"{system.topic}.dead-letter", key=letter.key, value=letter.value, headers=letter.headers)
    producer.send(f"{system.topic}.dead-letter", value=b"somebody else's", headers=[("sichtflug-offset", b"many")])
    producer.flush()
    producer.close()
    would = redrive(system, "--dry-run")
    assert would == [f"would send 50 dead letters to {system.topic}", "missing_field: 20", "not_json: 30"]
    assert redrive(system) == [f"sent 50 dead letters to {system.topic}", *would[1:]]
    assert len(system.records()) == 51 + 50
