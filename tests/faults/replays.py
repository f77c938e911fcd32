"""The same events replayed in several ways must give the same rows.

Ways differ in speed, the number of workers, kills and restarts, and the order in which partitions are read.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from random import Random

import msgspec
from kafka.partitioner.default import murmur2

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.commands.replay import lines
from pipeline.commands.shifted_events import shifted
from pipeline.signals import Stopped
from pipeline.simulation.traffic import simulate
from tests.faults.verdict import Verdict
from tests.support.rows import HOUR_MS
from tests.support.same_databases import assert_same_databases
from tests.support.system import System, wait_for

DAY_MS = 24 * HOUR_MS
DAY_SECONDS = 86_400


def sent_while_one_works(system: System, file: Path, chance: Random) -> None:
    """Run one worker while events are sent as fast as possible."""
    system.start_worker()
    replay(system, file, "max")


def sent_before_three_work(system: System, file: Path, chance: Random) -> None:
    """Send everything first, so that each worker reads one partition far ahead of the other; kill one worker."""
    replay(system, file, "max")
    workers = [system.start_worker(flush_seconds="0.2") for _ in range(3)]
    wait_for(lambda: bool(system.positions()), 90, system.log)
    time.sleep(chance.uniform(0.0, 1.0))
    killed = chance.choice(workers)
    killed.send_signal(signal.SIGKILL)
    killed.wait()


def paced_with_restarts(system: System, file: Path, chance: Random) -> None:
    """Send at a steady pace of event time, while the worker is stopped cleanly, killed and restarted."""
    first_ms, last_ms = stretch_of(file)
    speed = str(max(1, (last_ms - first_ms) // 1000 // PACED_SECONDS))
    bulk_producer = system.start([*SICHTFLUG, "replay", str(file), "--speed", speed])
    for end in (signal.SIGTERM, signal.SIGKILL):
        before = system.positions()
        worker = system.start_worker(flush_seconds="0.2")
        # On a slow machine everything may be sent before the second worker folds anything.
        wait_for(lambda: system.positions() != before or bulk_producer.poll() is not None, 60, system.log)  # noqa: B023
        time.sleep(chance.uniform(0.0, 1.0))
        worker.send_signal(end)
        worker.wait()
    system.start_worker()
    assert bulk_producer.wait(10 * PACED_SECONDS) == 0


def one_partition_after_the_other(system: System, file: Path, chance: Random) -> None:
    """Send each partition's events once those of the previous ones are all folded."""
    system.start_worker()
    parts = by_partition(file, system.partitions)
    chance.shuffle(parts)
    for part in parts:
        system.publish(part)
        system.wait_until_folded(180)


PACED_SECONDS = 8
SICHTFLUG = (sys.executable, "-m", "pipeline.cli")
Way = Callable[[System, Path, Random], None]
WAYS: tuple[Way, ...] = (
    sent_while_one_works,
    sent_before_three_work,
    paced_with_restarts,
    one_partition_after_the_other,
)


def replay(system: System, file: Path, speed: str) -> None:
    done = system.run("replay", str(file), "--speed", speed)
    assert done.returncode == 0, done.stderr


# ---- events


class _Addressed(msgspec.Struct):
    """The fields that decide a line's partition and say when it happened."""

    subject: str
    time: str


_addressed = msgspec.json.Decoder(_Addressed).decode


def write_events(file: Path, seed: int, days: int, count: int, others: Path | None = None) -> int:
    """Write simulated traffic of `days` days, its customers and flaws, merged by time with real events.

    Returns the number of lines. Lines that name no conversation are left out: Kafka may put those in any partition.
    """
    start_ms = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - days * DAY_MS
    rate = count / (days * DAY_MS / 1000)
    traffic = simulate(seed, rate, start_ms, until_ms=start_ms + (days - 1) * DAY_MS, id_prefix=f"r{seed}")
    found = [(item.send_at_ms, item.value) for item in traffic if is_addressed(item.value)]
    if others is not None:
        real = list(islice(lines(others), count))
        moved_seconds = (start_ms - instant_ms(real[0])) // 1000 + days * DAY_SECONDS // 4
        moved = [shifted(line, moved_seconds) for line in real]
        found += [(instant_ms(line), line) for line in moved]
        found.sort(key=lambda pair: pair[0])
    file.write_bytes(b"\n".join(line for _, line in found) + b"\n")
    return len(found)


def is_addressed(line: bytes) -> bool:
    try:
        return b"\n" not in line and bool(_addressed(line).subject)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def stretch_of(file: Path) -> tuple[int, int]:
    """Return the instants of the first and the last event of a file, UTC epoch ms."""
    instants = []
    for line in file.read_bytes().splitlines():
        with contextlib.suppress(msgspec.MsgspecError):
            instants.append(instant_ms(line))
    return min(instants), max(instants)


def instant_ms(line: bytes) -> int:
    """Return when the event of a line happened, UTC epoch ms. Raises msgspec.MsgspecError."""
    moment = msgspec.convert(_addressed(line).time, datetime)
    if moment.tzinfo is None:
        raise msgspec.ValidationError("expected a time with offset")
    return round(moment.timestamp() * 1000)


def by_partition(file: Path, count: int) -> list[list[tuple[bytes | None, bytes | None]]]:
    """Return the lines of a file as records, by the partition that Kafka's own partitioner assigns their keys to."""
    parts: list[list[tuple[bytes | None, bytes | None]]] = [[] for _ in range(count)]
    for line in file.read_bytes().splitlines():
        key = _addressed(line).subject.encode()
        parts[(murmur2(key) & 0x7FFFFFFF) % count].append((key, line))
    return parts


def follow(system: System, way: Way, file: Path, chance: Random) -> None:
    """Replay a file in one of the ways, and wait until everything is folded."""
    way(system, file, chance)
    system.wait_until_folded(180)
    for worker in system.workers:
        if worker.poll() is None:
            worker.terminate()
            worker.wait(60)


# ---- many files


SOAKED_DAYS, SOAKED_EVENTS = 150, 20_000


def soak_replays(
    bootstrap: str,
    url: str,
    directory: Path,
    count: int,
    seed: int,
    others: Path | None,
    print_progress: Callable[[str], None],
) -> Verdict:
    """Replay months of events in every way, one file per seed from `seed` on."""
    verdict = Verdict(
        f"{count} files of {SOAKED_DAYS} days, seeds {seed} to {seed + count - 1}, each replayed in {len(WAYS)} ways",
        claim="all rows of all tables and views are the same",
    )
    for number in range(seed, seed + count):
        systems: list[System] = []
        try:
            file = directory / f"replayed-{number}.ndjson"
            written = write_events(file, number, SOAKED_DAYS, SOAKED_EVENTS, others)
            for way in WAYS:
                systems.append(system_for(bootstrap, url, f"replayed_{number}_{way.__name__}", directory))
                follow(systems[-1], way, file, Random(number))
                assert_same_databases(systems[-1].client, systems[-1], systems[0])
                verdict.faults["replays compared"] += 1
            print_progress(f"seed {number}: {written:,} events, {len(WAYS)} ways")
        except AssertionError as error:
            verdict.failures.append(f"seed {number}: {error}")
        except Stopped:
            verdict.given_up = f"seed {number}"
            return verdict
        finally:
            drop(systems)
    return verdict


def system_for(bootstrap: str, url: str, name: str, directory: Path) -> System:
    """Create a topic and a database of that name."""
    migrations.migrate(url, name)
    own = directory / name
    own.mkdir()
    return System(bootstrap, url, name, name, own)


def drop(systems: list[System]) -> None:
    """Stop their workers and drop their databases."""
    for system in systems:
        system.stop()
        server = ClickHouse(system.url, "")
        server.execute(f"DROP DATABASE {system.database}")
        server.close()
