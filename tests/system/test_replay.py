"""`sichtflug replay` routes by the codec's keys, shifts all instants alike, and reports where a file broke off."""

import gzip
import time
from pathlib import Path

import pytest

from tests.support.records import encoded, read
from tests.support.system import System

# The source of the events does not matter here.
pytestmark = pytest.mark.embedded_broker


def test_accepted_events_are_routed_by_their_conversation_and_others_sent_unchanged(
    system: System, tmp_path: Path
) -> None:
    twice = encoded(id="1", subject="other").replace(b'"subject"', b'"subject": "first", "subject"', 1)
    accepted = {
        encoded(id="2", subject=1000): b"1000",
        twice: b"other",
        encoded(id="3", subject="a").replace(b"{", b'{"odd": 1e999, ', 1): b"a",
        encoded(id="4", subject="a", unknown={"x": [1]}, data={"channel": "email", "queue": 7}): b"a",
        encoded(id="5", subject="z\u00fcrich"): "z\u00fcrich".encode(),
    }
    rejected = {
        b'{"subject": "M\xfcller"}': None,
        b"no json": None,
        b"[" * 100_000: None,
        b"[1, 2]": None,
        encoded(id="6", subject="a", type=None): b"a",
        encoded(id="7", subject=7, time="1970-01-01T00:00:00Z"): b"7",
        encoded(id="8", subject="@", type=None).replace(b'"@"', b'7.10, "x": "\\ud800"'): b"7.10",
        encoded(id="9", subject=True, type=None): None,
    }
    file = tmp_path / "events.ndjson"
    wanted: dict[bytes, bytes | None] = {**accepted, **rejected}
    file.write_bytes(b"\n\n".join(wanted) + b"\n")
    found = system.run("replay", str(file), "--speed", "max")
    assert found.returncode == 0, found.stderr
    assert f"sent {len(wanted)} events" in found.stdout
    records = [record for _, record in system.records()]
    assert {record.value: record.key for record in records} == wanted
    # The key equals the worker's conversation key.
    assert {event.conversation_id.encode() for event in read(list(accepted))} == set(accepted.values())


def test_conversations_with_numeric_ids_are_replayed_into_four_partitions_and_closed(
    system: System, tmp_path: Path
) -> None:
    """40 conversations with numbers as ids: opened, answered after 10 minutes, closed. None is open."""
    steps = [("conversation.opened", "09:00", {"channel": "email", "queue": "q"})]
    steps += [
        ("message.created", "09:10", {"actor_kind": "agent"}),
    ]
    steps += [("conversation.closed", "09:20", {})]
    values = [
        encoded(id=f"{number}-{at}", subject=number, type=what, time=f"2026-11-23T{at}:00Z", data=data)
        for what, at, data in steps
        for number in range(1000, 1040)
    ]
    file = tmp_path / "numbers.ndjson"
    file.write_bytes(b"\n".join(values))
    assert system.run("replay", str(file), "--speed", "max").returncode == 0
    system.start_worker()
    system.wait_until_folded()
    assert system.client.rows(
        "SELECT sum(arrived_count), sum(departed_count), argMax(open_count, day) FROM backlog_by_day"
    ) == [(40, 40, 0)]
    [(count, p50)] = system.client.rows(
        "SELECT sum(ended_count), any(p50_seconds) FROM response_times_by_day WHERE measure = 'reply'"
    )
    assert (count, p50) == (40, pytest.approx(600, rel=0.032))


@pytest.mark.parametrize("fault", ["cut off", "not gzip", "damaged"])
def test_a_broken_file_is_reported_with_what_was_sent_and_no_traceback(
    system: System, tmp_path: Path, fault: str
) -> None:
    values = [encoded(id=f"{number:x}", subject=f"{number * 7919:x}") for number in range(3_000)]
    whole = gzip.compress(b"\n".join(values))
    broken = {
        "cut off": whole[: len(whole) // 2],
        "not gzip": b"\n".join(values),
        "damaged": whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:],
    }
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(broken[fault])
    found = system.run("replay", str(file), "--speed", "max")
    sent = sum(system.log_ends().values())
    assert found.returncode == 2
    assert "Traceback" not in found.stderr
    [line] = [line for line in found.stderr.splitlines() if line.startswith("sichtflug: ")]
    assert str(file) in line
    assert f"{sent} records were sent" in line
    assert (sent == 0) == (fault == "not gzip")


@pytest.mark.parametrize(("speed", "at_now"), [("max", "latest"), ("7200", "latest"), ("1", "first")])
def test_events_shifted_to_now_are_not_ahead_of_the_clock(
    system: System, tmp_path: Path, speed: str, at_now: str
) -> None:
    hours = 0 if speed == "1" else 2
    data = {"clock": "resolution", "due_at": "2016-01-01T12:00:00Z"}
    values = [
        encoded(id="1", subject="a", time="2016-01-01T00:00:00.250Z"),
        encoded(id="2", subject="a", time="2016-01-01T00:00:00.250Z", type="sla.target_set", data=data),
        encoded(id="3", subject="b", time=f"2016-01-01T{hours:02}:00:01.250Z"),
    ]
    file = tmp_path / "old.ndjson"
    file.write_bytes(b"\n".join(values))
    began_ms = time.time() * 1000
    assert system.run("replay", str(file), "--speed", speed, "--shift-to-now").returncode == 0
    records = [record for _, record in system.records()]
    events = {event.id: event for event in read([record.value for record in records])}
    assert events["3"].occurred_at - events["1"].occurred_at == hours * 3_600_000 + 1_000
    assert events["2"].due_at - events["2"].occurred_at == 12 * 3_600_000 - 250
    assert all(event.occurred_at <= time.time() * 1000 for event in events.values())
    held = events["3" if at_now == "latest" else "1"].occurred_at
    assert began_ms - 2_000 < held
