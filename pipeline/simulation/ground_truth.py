"""What a simulation placed, for comparison with what the pipeline finds."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from pipeline.simulation.spikes import Spike


class GroundTruth(msgspec.Struct, kw_only=True):
    """The ground truth of everything sent so far. Counts by type are of distinct good events.

    `duplicate_count` and `bad_count` are additional to them, late, disordered and clock-ahead events are included.
    `spikes` are those that had begun by `until_ms`, the instant of the last record sent.
    """

    seed: int
    id_prefix: str
    rate_per_second: float
    since_ms: int
    until_ms: int
    spikes: list[Spike] = []
    sent_count: int = 0
    count_by_type: dict[str, int] = {}
    duplicate_count: int = 0
    late_count: int = 0
    disordered_count: int = 0
    clock_ahead_count: int = 0
    bad_count: int = 0
    bad_count_by_kind: dict[str, int] = {}

    def to_json(self) -> bytes:
        """Return the ground truth as one JSON object, with spikes as objects."""
        fields: dict[str, Any] = msgspec.structs.asdict(self)
        fields["spikes"] = [spike._asdict() for spike in self.spikes]
        return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"

    def write(self, path: Path) -> None:
        path.write_bytes(self.to_json())


class Tally:
    """Counts of records sent, by type and by fault."""

    def __init__(self) -> None:
        self.sent_count = 0
        self.by_type: Counter[str] = Counter()
        self.by_placing: Counter[str] = Counter()
        self.bad_by_kind: Counter[str] = Counter()

    def add(self, event_type: str, placed: str) -> None:
        """Count a record. `event_type` of a bad record is a key of `BAD_RECORDS`."""
        self.sent_count += 1
        if placed:
            self.by_placing[placed] += 1
        if placed == "bad":
            self.bad_by_kind[event_type] += 1
        elif placed != "duplicate":
            self.by_type[event_type] += 1
