"""Dead letters: rejected records go aside whole, with the reason and their origin; and the brake when too many do."""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from streams.events import Rejection

WINDOW = 1000

Header = tuple[str, bytes]

#: What a dead letter says of itself, behind the headers that the record had.
OWN_HEADERS = (
    "sichtflug-reason",
    "sichtflug-field",
    "sichtflug-detail",
    "sichtflug-topic",
    "sichtflug-partition",
    "sichtflug-offset",
    "sichtflug-time",
)
#: On a record that was published again: where it had lain, as topic[partition]@offset.
REDRIVEN_FROM = "sichtflug-redriven-from"


class BrakeError(Exception):
    """Most of the input is bad: the fault is more likely ours, or the producer's, than that of single records."""


class DeadLetter(NamedTuple):
    """A rejected record: its key and value as they came, and headers that say why and where from."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


def dead_letter(topic: str, partition: int, record: Any, rejection: Rejection) -> DeadLetter:
    """The dead letter of a record. The original headers are kept in front of ours."""
    origin_texts = (topic, str(partition), str(record.offset), str(record.timestamp))
    texts = (rejection.reason, rejection.field, rejection.detail, *origin_texts)
    ours = ((name, text.encode()) for name, text in zip(OWN_HEADERS, texts, strict=True))
    headers = [*record.headers, *ours]
    return DeadLetter(record.key, record.value, headers)


class Origin(NamedTuple):
    """Where and when a rejected record lay in its topic (broker time, epoch ms), and why it was rejected."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    reason: str


def origin(headers: Sequence[Header]) -> Origin | None:
    """What the headers of a dead letter say, None when it is none of ours."""
    said = dict(headers)
    try:
        return Origin(
            said["sichtflug-topic"].decode(),
            int(said["sichtflug-partition"]),
            int(said["sichtflug-offset"]),
            int(said["sichtflug-time"]),
            said["sichtflug-reason"].decode(),
        )
    except (KeyError, ValueError):
        return None


def redriven(found: Origin, letter: DeadLetter) -> DeadLetter:
    """The record as it was, and where it comes from."""
    headers = [header for header in letter.headers if header[0] not in (*OWN_HEADERS, REDRIVEN_FROM)]
    came_from = f"{found.topic}[{found.partition}]@{found.offset}"
    return DeadLetter(letter.key, letter.value, [*headers, (REDRIVEN_FROM, came_from.encode())])


class Brake:
    """Watches the share of rejected records among the last thousand of a process."""

    def __init__(self, limit_ratio: float) -> None:
        self._limit_ratio = limit_ratio
        self._recent: deque[tuple[int, int]] = deque()
        self._seen = 0
        self._rejected = 0

    def observe(self, where: str, consumed: int, rejections: Sequence[Rejection]) -> None:
        """Count a batch. Raises BrakeError when more than the limit of the last thousand or so were rejected."""
        self._recent.append((consumed, len(rejections)))
        self._seen += consumed
        self._rejected += len(rejections)
        while self._seen - self._recent[0][0] >= WINDOW:
            consumed_first, rejected_first = self._recent.popleft()
            self._seen -= consumed_first
            self._rejected -= rejected_first
        if self._seen >= WINDOW and self._rejected > self._limit_ratio * self._seen:
            last = rejections[-1] if rejections else None
            example = f"; the last: {last.detail} (offset {last.offset})" if last else ""
            raise BrakeError(
                f"{where}: {self._rejected} of the last {self._seen} records were rejected, more than the limit of "
                f"{self._limit_ratio:.0%}{example}. Nothing of this batch was stored. Look at `sichtflug dead-letters "
                "list`, mend the producer, or raise SICHTFLUG_DEAD_LETTER_LIMIT, and start the worker again."
            )
