"""A Bloom filter of the conversations in a partition's ledger, so that a new conversation costs no look-up."""

from collections.abc import Iterable

from rbloom import Bloom

FALSE_POSITIVE_RATIO = 0.01
LEAST_EXPECTED = 100_000
#: Ten bits each. Beyond this many, looking up every id is cheaper than the memory.
REMEMBERED_IDS = 60_000_000


class IdFilter:
    """A set of 64-bit conversation hashes without false negatives and with about 1 % false positives.

    When full, it adds a filter of twice the size, which keeps the error near that ratio. Beyond `REMEMBERED_IDS`
    everything counts as contained.
    """

    def __init__(self) -> None:
        self._filters: list[Bloom] = []
        self._room = 0
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether more than `REMEMBERED_IDS` hashes were added."""
        return self._count > REMEMBERED_IDS

    def add(self, hashes: Iterable[int]) -> None:
        """Add the hashes of conversations."""
        for value in hashes:
            if self._room == 0:
                self._count += LEAST_EXPECTED << len(self._filters)
                if self.is_full:
                    self._filters.clear()
                    return
                self._grow()
            self._filters[-1].add(value)
            self._room -= 1

    def __contains__(self, value: int) -> bool:
        return self.is_full or any(value in known for known in self._filters)

    def _grow(self) -> None:
        self._room = LEAST_EXPECTED << len(self._filters)
        self._filters.append(Bloom(self._room, FALSE_POSITIVE_RATIO, _identity))


def _identity(value: int) -> int:
    """Return the hash as the signed 128-bit number that rbloom expects. The input is already well mixed."""
    return value * 0x9E3779B97F4A7C15 % (1 << 127)
