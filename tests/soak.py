"""`make soak`: faults for as long as wanted, over seeds of one's own.

    python tests/soak.py --kills 1000 --seed 7              real workers on Apache Kafka, until so many kills
    python tests/soak.py --minutes 30 --seed 7              the same, for so long
    python tests/soak.py --schedules 100000 --seed 7        simulated schedules
    python tests/soak.py                                    20,000 schedules and 100 kills

Prints what happened and the verdict; ends with 1 when rows differ. A failure names its seed.
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from pipeline.embedded import EmbeddedClickHouse, EmbeddedKafka

from apache_kafka import ApacheKafka
from soak_processes import Soak
from soak_schedules import soak_schedules
from verdict import Verdict


def main() -> int:
    """0 when all rows are what they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, help="of worker processes")
    parser.add_argument("--minutes", type=float, help="with worker processes")
    parser.add_argument("--schedules", type=int, help="simulated ones, about")
    parser.add_argument("--seed", type=int, default=1, help="of the first round or log; the others follow")
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--file", type=Path, help="NDJSON events to publish instead of simulated ones")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for the simulated schedules")
    options = parser.parse_args()
    # So that everything which was started ends with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.kills is options.minutes is options.schedules is None:
        options.kills, options.schedules = 100, 20_000
    verdicts = []
    if options.schedules:
        verdicts.append(soak_schedules(options.schedules, options.seed, options.processes, tell))
    if options.kills or options.minutes:
        verdicts.append(soak_processes(options))
    for verdict in verdicts:
        print(*verdict.lines(), sep="\n", flush=True)
    return 1 if any(verdict.failures for verdict in verdicts) else 0


def soak_processes(options: argparse.Namespace) -> Verdict:
    """Real workers under faults. What they said stays where a failure is."""
    directory = Path(tempfile.mkdtemp(prefix="sichtflug-soak-"))
    broker = ApacheKafka if options.broker == "apache" else EmbeddedKafka
    kafka = ApacheKafka(directory / "kafka") if broker is ApacheKafka else EmbeddedKafka(log_directory=directory)
    with kafka, EmbeddedClickHouse(directory / "clickhouse", log_directory=directory) as clickhouse:
        kills = options.kills or sys.maxsize
        seconds = 60 * options.minutes if options.minutes else float("inf")
        return Soak(kafka, clickhouse, directory, options.seed, kills, seconds, tell, options.file).run()


def tell(progress: str) -> None:
    """Show progress at once, also in a pipe."""
    print(progress, flush=True)


if __name__ == "__main__":
    sys.exit(main())
