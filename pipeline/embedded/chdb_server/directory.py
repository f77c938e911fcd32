"""The data directory of an engine: one process at a time."""

import fcntl
import os
from pathlib import Path
from typing import IO


class DirectoryInUseError(RuntimeError):
    """Another process serves the data directory."""


def lock_directory(data: Path) -> IO[str]:
    """Create the directory and lock it for as long as the returned file is open. Raises DirectoryInUseError."""
    data.mkdir(parents=True, exist_ok=True)
    lock = (data / "front.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise DirectoryInUseError(
            f"expected {data} to be unused, found that process {owner} serves it: "
            "end that process or choose another directory"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
