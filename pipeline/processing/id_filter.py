"""Which conversations the ledger may hold: a Bloom filter per partition, so that a new one costs no look-up."""

from collections.abc import Iterable

from rbloom import Bloom

FALSE_POSITIVE_RATIO = 0.01
LEAST_EXPECTED = 100_000
#: Ten bits each. With more, a partition would rather look up every id than remember them all.
REMEMBERED_IDS = 60_000_000


class IdFilter:
    """A set of 64-bit conversation hashes that never forgets one and seldom (1 in 100) claims one too many.

    Grows by a further filter of twice the size when it is full, so its error stays near that ratio. Beyond
    `REMEMBERED_IDS` it claims them all.
    """

    def __init__(self) -> None:
        self._filters: list[Bloom] = []
        self._room = 0
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether there were too many to remember."""
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
    """The hashes are well mixed already; rbloom wants signed 128-bit numbers and spreads the bits itself."""
    return value * 0x9E3779B97F4A7C15 % (1 << 127)
