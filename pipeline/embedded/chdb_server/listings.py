"""Names in directories, read again only where a directory has changed."""

import os
import time
from pathlib import Path

#: A directory changed less than this before it was read is read again: file systems count time in steps, so that a
#: change after the reading may have the same time as one before it. Two seconds are the longest step, of FAT.
SETTLED_NS = 2_000_000_000


class Listings:
    """The names in directories, as read when they last changed; `begin` starts another pass. Not thread-safe."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, frozenset[str]]] = {}
        self._now: dict[str, tuple[int, frozenset[str]]] = {}

    def begin(self) -> None:
        """Start another pass, and forget directories that the last one did not ask for."""
        self._before, self._now = self._now, {}

    def names(self, directory: str) -> frozenset[str]:
        """Return the names in a directory, none if it does not exist. Raises OSError."""
        asked_at_ns = time.time_ns()
        try:
            changed_at_ns = os.stat(directory).st_mtime_ns  # noqa: PTH116 (a Path takes as long as the call)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        known = self._before.get(directory)
        if known is None or known[0] != changed_at_ns:
            known = changed_at_ns, frozenset(read_names(directory))
        if asked_at_ns - changed_at_ns > SETTLED_NS:
            self._now[directory] = known
        return known[1]


def read_names(directory: str | Path) -> list[str]:
    """Return the names in a directory, none if it does not exist. Raises OSError."""
    try:
        return [entry.name for entry in os.scandir(directory)]
    except (FileNotFoundError, NotADirectoryError):
        return []
