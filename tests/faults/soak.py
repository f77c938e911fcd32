"""`make soak`: faults for any duration, over any seeds.

    python -m tests.faults.soak --kills 1000 --seed 7              real workers on Apache Kafka, until 1,000 kills
    python -m tests.faults.soak --minutes 30 --seed 7              the same, for 30 minutes
    python -m tests.faults.soak --schedules 100000 --seed 7        simulated schedules
    python -m tests.faults.soak --outage-minutes 10                ClickHouse unavailable under full load
    python -m tests.faults.soak --fuzz-seconds 600 --seed 7        records and rules at the edges of the allowed
    python -m tests.faults.soak --zones 3                          the views in every time zone, three pasts of each
    python -m tests.faults.soak --replays 5                        five files, each replayed in four ways
    python -m tests.faults.soak --memory-minutes 60 --rate 2000    one worker's memory, minute by minute
    python -m tests.faults.soak                                    20,000 schedules and 100 kills

Prints counts of faults and the verdict; exits with 1 if rows differ. A failure names its seed. If stopped (Ctrl-C,
SIGTERM), it gives the verdict over what was compared so far, and exits with 130 unless rows differ.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.clickhouse import migrations
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.signals import stops_on_signals
from tests.faults.outage import begin_with_two_workers, outage
from tests.faults.replays import soak_replays
from tests.faults.soak_fuzz import soak_fuzz
from tests.faults.soak_memory import soak_memory
from tests.faults.soak_processes import Soak
from tests.faults.soak_schedules import soak_schedules
from tests.faults.soak_zones import soak_zones
from tests.faults.verdict import Verdict
from tests.support.kafka import ApacheKafka
from tests.support.small_disk import may_mount, small_disk
from tests.support.system import System

#: More than two workers can hold unflushed, with a margin.
OUTAGE_RECORDS = 1_500_000
DISK_BYTES = 1 << 30


def main() -> int:
    """Return 0 if all rows are as they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, help="of worker processes")
    parser.add_argument("--minutes", type=float, help="with worker processes")
    parser.add_argument("--schedules", type=int, help="simulated ones, about")
    parser.add_argument("--outage-minutes", type=float, help="ClickHouse away while more arrives than workers may hold")
    parser.add_argument("--zones", type=int, help="random pasts of every time zone, all views against brute force")
    parser.add_argument("--fuzz-seconds", type=float, help="random records and rules through a worker")
    parser.add_argument("--replays", type=int, help="files of months, each replayed in several ways and compared")
    parser.add_argument("--memory-minutes", type=float, help="one worker under live traffic, its memory each minute")
    parser.add_argument("--rate", type=float, default=2_000.0, help="events per second of that traffic")
    parser.add_argument("--seed", type=int, default=1, help="of the first round or log; the others follow")
    parser.add_argument("--file", type=Path, help="NDJSON events to publish instead of simulated ones")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for the simulated schedules")
    options = parser.parse_args()
    chosen = ("kills", "minutes", "schedules", "outage_minutes", "zones", "replays", "memory_minutes", "fuzz_seconds")
    if all(getattr(options, name) is None for name in chosen):
        options.kills, options.schedules = 100, 20_000
    parts: list[Callable[[], Verdict]] = []
    if options.schedules:
        parts.append(lambda: soak_schedules(options.schedules, options.seed, options.processes, print_progress))
    if options.kills or options.minutes:
        parts.append(lambda: soak_processes(options))
    if options.outage_minutes:
        parts.append(lambda: soak_outage(options))
    if options.zones:
        parts.append(lambda: soak_zones(options.zones, options.seed, print_progress))
    if options.fuzz_seconds:
        parts.append(lambda: soak_fuzz(options.fuzz_seconds, options.seed, print_progress))
    if options.replays:
        parts.append(lambda: soak_all_replays(options))
    if options.memory_minutes:
        parts.append(lambda: soak_worker_memory(options))
    verdicts: list[Verdict] = []
    # So that everything started ends with this process, and its results are reported.
    with stops_on_signals():
        for part in parts:
            verdicts.append(part())
            print(*verdicts[-1].lines(), sep="\n", flush=True)
            if verdicts[-1].given_up:
                break
    if any(verdict.failures for verdict in verdicts):
        return 1
    return 0 if len(verdicts) == len(parts) and not verdicts[-1].given_up else 130


def soak_processes(options: argparse.Namespace) -> Verdict:
    """Run real workers under faults. Their logs are kept after a failure."""
    kills = options.kills or sys.maxsize
    seconds = 60 * options.minutes if options.minutes else float("inf")
    with running(DISK_BYTES) as (kafka, clickhouse, directory):
        disk = clickhouse.data.parent if clickhouse.data.parent != directory else None
        return Soak(
            kafka, clickhouse, directory, options.seed, kills, seconds, print_progress, options.file, disk
        ).run()


def soak_outage(options: argparse.Namespace) -> Verdict:
    """Run two workers with more records than they may hold in memory, while ClickHouse is unavailable."""
    verdict = Verdict(
        f"ClickHouse away for {options.outage_minutes:g} min, {OUTAGE_RECORDS:,} records meanwhile",
        claim="memory stays bounded, the group keeps its members, and every record is in the books afterwards",
    )
    with running() as (kafka, clickhouse, directory):
        migrations.migrate(clickhouse.url, "outage")
        system = System(kafka.bootstrap, clickhouse.url, "outage", "outage", directory)
        try:
            begin_with_two_workers(system)
            found = outage(system, clickhouse, 60 * options.outage_minutes, OUTAGE_RECORDS)
            verdict.failures += found.failures()
            verdict.failures += [] if system.books()["consumed"] == sum(system.log_ends().values()) else ["the books"]
            verdict.ran += f"\n  {found}"
        except AssertionError as error:
            verdict.failures.append(str(error))
        finally:
            system.stop()
    return verdict


def soak_all_replays(options: argparse.Namespace) -> Verdict:
    """Replay months of events in every way. The workers' logs are kept after a failure."""
    with running() as (kafka, clickhouse, directory):
        return soak_replays(
            kafka.bootstrap, clickhouse.url, directory, options.replays, options.seed, options.file, print_progress
        )


def soak_worker_memory(options: argparse.Namespace) -> Verdict:
    """Run one worker that only has to keep up."""
    with running() as (kafka, clickhouse, directory):
        migrations.migrate(clickhouse.url, "memory")
        system = System(kafka.bootstrap, clickhouse.url, "memory", "memory", directory)
        try:
            return soak_memory(system, options.memory_minutes, options.rate, options.seed, print_progress)
        finally:
            system.stop()


@contextmanager
def running(disk_bytes: int = 0) -> Iterator[tuple[ApacheKafka, EmbeddedClickHouse, Path]]:
    """Start a broker and ClickHouse; yield the directory for their logs and the workers'.

    With `disk_bytes`, ClickHouse's data lies on a disk of that size, if the machine allows mounting one. Not the
    embedded broker: it keeps assigning partitions to members that have left.
    """
    directory = Path(tempfile.mkdtemp(prefix="sichtflug-soak-"))
    with ExitStack() as parts:
        disk = directory
        if disk_bytes and may_mount():
            disk = parts.enter_context(small_disk(directory / "disk", disk_bytes))
        elif disk_bytes:
            print_progress("no right to mount a disk of its own: none will be filled")
        kafka = parts.enter_context(ApacheKafka(directory / "kafka"))
        clickhouse = parts.enter_context(EmbeddedClickHouse(disk / "clickhouse", log_directory=directory))
        yield kafka, clickhouse, directory


def print_progress(progress: str) -> None:
    """Print progress at once, also into a pipe."""
    print(progress, flush=True)


if __name__ == "__main__":
    sys.exit(main())
