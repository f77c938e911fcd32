"""A record at which every worker fails is named, and can be skipped by hand; all else counts as if it were absent."""

import re

import pytest
from kafka.partitioner import murmur2

from tests.faults.mutants import wrong_worker
from tests.oracle import Oracle, Record
from tests.support.records import encoded
from tests.support.system import PARTITIONS, System

pytestmark = pytest.mark.embedded_broker


@pytest.mark.parametrize("place", ["fold", "flush"])
def test_a_record_that_ends_every_worker_is_named_and_can_be_skipped(system: System, place: str) -> None:
    partition = (murmur2(place.encode()) & 0x7FFFFFFF) % PARTITIONS
    others = [(f"c{number}".encode(), encoded(id=str(number), subject=f"c{number}")) for number in range(400)]
    poison = (place.encode(), encoded(id="poison", subject=place))
    system.publish([*others[:200], poison, *others[200:]])
    [offset] = [record.offset for _, record in system.records() if record.key == place.encode()]

    command = wrong_worker(bug_on=place)
    first = system.start(command)
    assert first.wait(60) == 70
    name = re.escape(f"{system.topic}[{partition}]")
    [span] = re.findall(name + rf": the {place} of the records at offsets (\d+) to (\d+) failed", system.log())
    assert int(span[0]) <= offset <= int(span[1])
    second = system.start(command)
    assert second.wait(90) == 70
    location = f"--topic {system.topic} --partition {partition} --offset {offset} --why"
    assert f"{system.topic}[{partition}]@{offset}: the {place} of this record failed again" in system.log()
    assert location in system.log()

    arguments = ("skip", "--partition", str(partition), "--offset", str(offset), "--why", "a bug, see 4711")
    dry = system.run(*arguments, "--dry-run")
    assert "would be skipped" in dry.stdout
    assert system.client.rows("SELECT count() FROM skips") == [(0,)]
    done = system.run(*arguments)
    assert "is skipped" in done.stdout, done.stderr
    system.start(command)
    system.wait_until_folded()

    left = (record for _, record in system.records() if record.key != poison[0])
    system.assert_equals(Oracle(Record(record.value, record.timestamp, record.key) for record in left))
    books = system.books()
    assert (books["consumed"], books["applied"], books["rejected"]) == (401, 400, 1)
    [(_, letter)] = system.records(f"{system.topic}.dead-letter")
    headers = {name: text.decode() for name, text in letter.headers}
    assert (headers["sichtflug-reason"], headers["sichtflug-detail"]) == ("skipped", "a bug, see 4711")
    assert (letter.key, letter.value) == poison

    again = system.run(*arguments)
    assert again.returncode == 2
    assert "this record is in the ledger" in again.stderr
