"""Bad input stops no worker and loses nothing: each bad record becomes a dead letter, whole, with its reason."""

import time

import pytest

from tests.support.records import encoded
from tests.support.system import System, wait_for
from tests.support.web.metrics import samples

NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

BAD: dict[bytes | None, tuple[str, str]] = {
    b"no json": ("not_json", ""),
    b"[1, 2]": ("not_an_object", ""),
    b"\xff\xfe": ("not_json", ""),
    encoded(id=None): ("missing_field", "id"),
    encoded(type=None): ("missing_field", "type"),
    encoded(time=None): ("missing_field", "time"),
    encoded(time="2026-01-01T00:00:00"): ("time_without_offset", "time"),
    encoded(time="1970-01-01T00:00:00Z"): ("time_out_of_range", "time"),
    encoded(time="2100-01-01T00:00:00Z"): ("time_out_of_range", "time"),
    encoded(type="message.created", data={}): ("missing_field", "data.actor_kind"),
    encoded(subject=None): ("missing_field", "subject"),
    NESTED: ("too_large", ""),
    None: ("tombstone", ""),
}
GOOD = [
    encoded(id="g1", subject="a"),
    encoded(id="g2", subject="b", data={"channel": "fax_machine"}),
    encoded(id="g3", subject="a", type="something.new"),
    encoded(id="g4", subject="a", type="public.shared", data={"reach": "1200"}),
    encoded(id="g5", subject="a", type="public.shared", data={"reach": 10**40}),
]


@pytest.mark.both_brokers("dead letters")
def test_every_kind_of_bad_record_becomes_a_dead_letter_with_its_origin(system: System) -> None:
    # Without a key, unless Kafka requires one: a null value is a record only with a key.
    bad = [(b"key" if value is None else None, value) for value in BAD]
    system.publish([*bad, *((b"k", value) for value in GOOD)])
    system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()

    assert system.books() == {
        "consumed": len(BAD) + len(GOOD),
        "applied": len(GOOD),
        "duplicate": 0,
        "rejected": len(BAD),
        "late": 0,
        "ignored": 1,
    }
    source = {(partition, record.offset): record for partition, record in system.records()}
    found = {}
    for _, record in system.records(f"{system.topic}.dead-letter"):
        headers = {name: text.decode() for name, text in record.headers}
        origin = source[int(headers["sichtflug-partition"]), int(headers["sichtflug-offset"])]
        assert headers["sichtflug-topic"] == system.topic
        assert headers["sichtflug-time"] == str(origin.timestamp)
        assert (record.key, record.value) == (origin.key, origin.value)
        found[record.value] = (headers["sichtflug-reason"], headers["sichtflug-field"])
    assert found == BAD
    rejections = system.client.rows("SELECT reason, field FROM rejections FINAL")
    assert sorted(rejections) == sorted(BAD.values())
    assert "no json" not in system.log()

    listed = system.run("dead-letters", "list")
    assert listed.returncode == 0
    assert "time_without_offset" in listed.stdout
    partition, offset = next(
        (partition, record.offset) for partition, record in system.records() if record.value == b"no json"
    )
    shown = system.run("dead-letters", "show", str(partition), str(offset))
    assert "sichtflug-reason: not_json" in shown.stdout
    assert "no json" in shown.stdout


def test_the_brake_stops_a_worker_whose_input_is_mostly_bad(system: System) -> None:
    system.publish([(b"one partition", b"bad")] * 1_500)
    worker = system.start_worker()
    assert worker.wait(timeout=60) == 2
    assert "records were rejected, more than the limit of 50%" in system.log()
    assert "Traceback" not in system.log()
    # Its own metrics are gone: the next worker exposes when that was.
    assert system.client.rows("SELECT state FROM workers FINAL") == [("braked",)]
    system.start_worker(dead_letter_limit="1", metrics_port="0")
    wait_for(lambda: "metrics on " in system.log(), 60, system.log)
    address = system.log().partition("metrics on ")[2].partition("\n")[0]
    [braked_at] = [value for name, value in samples(address).items() if name.startswith("sichtflug_brake_timestamp")]
    assert 0 <= time.time() - braked_at < 120


@pytest.mark.both_brokers("dead letters")
def test_a_value_of_ten_megabytes_becomes_a_dead_letter_and_the_worker_continues(system: System) -> None:
    # Compressed it fits under any size limit of the topic; what the worker writes must be no larger.
    large = encoded(id="x" * 10_000_000)
    system.publish(
        [(b"k", large), (b"k", encoded(id="g1", subject="a"))], compression_type="lz4", max_request_size=1 << 25
    )
    system.start_worker(dead_letter_limit="1")
    system.wait_until_folded()
    assert (system.books()["applied"], system.books()["rejected"]) == (1, 1)
    [(_, letter)] = system.records(f"{system.topic}.dead-letter")
    assert letter.value == large
