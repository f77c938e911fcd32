"""A disk of a few megabytes that can be filled and freed, repeatedly with `python small_disk.py DISK SEED`."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from tests.support.requirement import require

BLOCK_BYTES = 1 << 16


def may_mount() -> bool:
    """Return whether this process may mount a file system."""
    with tempfile.TemporaryDirectory() as directory:
        if not _mounted(Path(directory), BLOCK_BYTES):
            return False
        subprocess.run(["umount", directory], check=True)
        return True


def _mounted(directory: Path, size_bytes: int) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "sichtflug-test", str(directory)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(directory: Path, size_bytes: int) -> Iterator[Path]:
    """Mount a file system at `directory`. Skips the test where none may be mounted."""
    directory.mkdir(parents=True, exist_ok=True)
    require(_mounted(directory, size_bytes), "the right to mount a small file system (a full disk)")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=False)


@contextmanager
def filled(disk: Path, free_bytes: int = 0) -> Iterator[None]:
    """Leave only about `free_bytes` free inside the block."""
    fill(disk, free_bytes)
    try:
        yield
    finally:
        free(disk)


def fill(disk: Path, free_bytes: int = 0) -> None:
    """Leave only about `free_bytes`."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(BLOCK_BYTES))
        file.truncate(max(0, file.tell() - free_bytes))


def free(disk: Path) -> None:
    """Free what `fill` took."""
    (disk / "ballast").unlink(missing_ok=True)


@contextmanager
def churned(disk: Path, seed: int) -> Iterator[None]:
    """Have another process fill and free the disk ten times a second inside the block, also during writes."""
    with subprocess.Popen([sys.executable, "-m", "tests.support.small_disk", str(disk), str(seed)]) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait()
            free(disk)


def _churn(disk: Path, chance: Random) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while True:
        time.sleep(chance.uniform(0.01, 0.1))
        fill(disk, chance.choice((0, 0, 1 << 17, 1 << 19, 1 << 20, 3 << 19)))
        time.sleep(chance.uniform(0.01, 0.1))
        free(disk)


if __name__ == "__main__":
    _churn(Path(sys.argv[1]), Random(int(sys.argv[2])))
