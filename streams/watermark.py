"""One watermark over all partitions of a log: what was said of each, put together.

A partition that still has something to read holds it where that partition stands. One that has read all there was lets
it go on: had there been anything earlier, it would have been read. But what others have shown meanwhile may have come
after its word was sent; so with each word it lets pass only what had been shown when the word before it was heard.
"""


class MergedWatermark:
    """Hears of `partition_count` partitions. All instants are UTC epoch ms.

    The value never goes back. It is 0 until every partition was heard of, and while none has seen an event.
    """

    def __init__(self, partition_count: int) -> None:
        self.partition_count = partition_count
        # Of a partition: up to where it lets pass, and what had been shown when its last word was heard.
        self._passed: dict[int, int] = {}
        self._shown_before: dict[int, int] = {}
        self._shown = 0
        self.value_ms = 0

    def hear(self, partition: int, watermark_ms: int, idle_ms: int, *, is_at_end: bool) -> None:
        """A partition's word: its watermark, and whether all that lay in the log is folded.

        At the end of its log time goes on without events: `idle_ms` have passed since the last one was folded.
        """
        passed = watermark_ms
        if is_at_end:
            passed = max(watermark_ms, self._shown_before.get(partition, 0))
            if watermark_ms:
                self._shown = max(self._shown, watermark_ms + idle_ms)
        self._shown = max(self._shown, watermark_ms)
        self._shown_before[partition] = self._shown
        self._passed[partition] = passed
        if len(self._passed) == self.partition_count:
            self.value_ms = max(self.value_ms, min(self._passed.values()))
