"""One watermark over all partitions of a log, merged from their progress messages.

A partition with unread records holds the merged watermark at its own. One at the end of its log does not: an earlier
event would have been read already. Because others may have advanced after it sent the message, each message releases
the watermark only up to the maximum that had been seen when the partition's previous message arrived.
"""


class MergedWatermark:
    """The watermark of a log with `partition_count` partitions. All instants are UTC epoch ms.

    The value never decreases. It is 0 until every partition has reported, and while none has seen an event.
    """

    def __init__(self, partition_count: int) -> None:
        self.partition_count = partition_count
        # By partition: the instant up to which it releases the watermark, and the maximum seen at its last message.
        self._released_ms: dict[int, int] = {}
        self._seen_before: dict[int, int] = {}
        self._seen_ms = 0
        self.value_ms = 0

    def update(self, partition: int, watermark_ms: int, idle_ms: int, *, is_at_end: bool) -> None:
        """Take a partition's progress: its watermark, and whether its log is folded up to the end.

        At the end of the log, time advances without events: `idle_ms` have passed since the last one was folded.
        """
        released_ms = watermark_ms
        if is_at_end:
            released_ms = max(watermark_ms, self._seen_before.get(partition, 0))
            if watermark_ms:
                self._seen_ms = max(self._seen_ms, watermark_ms + idle_ms)
        self._seen_ms = max(self._seen_ms, watermark_ms)
        self._seen_before[partition] = self._seen_ms
        self._released_ms[partition] = released_ms
        if len(self._released_ms) == self.partition_count:
            self.value_ms = max(self.value_ms, min(self._released_ms.values()))
