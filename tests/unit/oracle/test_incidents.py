"""The oracle on a year of recorded incidents."""

import json
from pathlib import Path

from tests.oracle import Oracle, read_records
from tests.support.streams.oracle_cases import durations


def test_the_recorded_incidents_balance(incidents: Path) -> None:
    # 10,414 opened + 132 reopened = 10,546 arrivals. 10,544 resolved and one closed without it: 10,545 departures.
    records = read_records(incidents)
    types = [json.loads(record.value)["type"] for record in records if isinstance(record.value, bytes)]
    oracle = Oracle(records)
    rows = oracle.backlog_by("day")
    assert types.count("conversation.opened") == len(oracle.conversation_facts()) == 10_414
    assert sum(row["arrived_count"] for row in rows) == 10_546
    assert sum(row["departed_count"] for row in rows) == 10_545
    assert sum(row["moved_in_count"] for row in rows) == sum(row["moved_out_count"] for row in rows)
    last_day = max(row["day"] for row in rows)
    assert sum(row["open_count"] for row in rows if row["day"] == last_day) == len(oracle.waiting()) == 1
    assert len(durations(oracle, "resolution")) == 10_412
