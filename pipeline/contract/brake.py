"""The brake: stops a worker when too many of the last records were rejected."""

from collections import deque
from collections.abc import Sequence

from pipeline.errors import DeadLetterLimitError
from streams.events import Rejection

WINDOW = 1000


class Brake:
    """The share of rejected records among the last thousand of a process, and its limit."""

    def __init__(self, limit_ratio: float) -> None:
        self._limit_ratio = limit_ratio
        self._recent: deque[tuple[int, int]] = deque()
        self._seen = 0
        self._rejected = 0

    def observe(self, where: str, consumed: int, rejections: Sequence[Rejection]) -> None:
        """Count a batch. Raises DeadLetterLimitError if the share over the last thousand or so exceeds the limit."""
        self._recent.append((consumed, len(rejections)))
        self._seen += consumed
        self._rejected += len(rejections)
        while self._seen - self._recent[0][0] >= WINDOW:
            consumed_first, rejected_first = self._recent.popleft()
            self._seen -= consumed_first
            self._rejected -= rejected_first
        if self._seen >= WINDOW and self._rejected > self._limit_ratio * self._seen:
            last = rejections[-1] if rejections else None
            example = f"; offsets {rejections[0].offset} to {last.offset}, the last: {last.detail}" if last else ""
            raise DeadLetterLimitError(
                f"{where}: {self._rejected} of the last {self._seen} records were rejected, more than the limit of "
                f"{self._limit_ratio:.0%}{example}. Nothing of this batch was stored, so these records are not in "
                "`sichtflug dead-letters list`: look at them in the topic, fix the producer, or raise "
                "SICHTFLUG_DEAD_LETTER_LIMIT, and start the worker again."
            )
