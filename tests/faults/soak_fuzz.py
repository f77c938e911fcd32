"""Random logs under random rules through a whole worker, for any duration."""

import logging
import tempfile
import time
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path

from pipeline.clickhouse import migrations
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.signals import Stopped
from tests.engine.fuzz import Pass, run_pass
from tests.faults.verdict import Verdict

LARGEST_LOG = 3_000
LOGS_PER_DATABASE = 200


def soak_fuzz(seconds: float, first_seed: int, print_progress: Callable[[str], None]) -> Verdict:
    """Run passes of `tests/engine/fuzz.py` from a seed on. A failure names its seed."""
    verdict = Verdict(
        f"random records and rules for {seconds:g} s, from seed {first_seed}",
        claim="nothing raises, and every record is applied, a duplicate or a rejection",
    )
    # Every forged fact would be logged individually.
    logging.getLogger("pipeline.stages.customers.partition").setLevel(logging.ERROR)
    ends_at = time.monotonic() + seconds
    passes = records = applied = 0
    directory = Path(tempfile.mkdtemp(prefix="sichtflug-fuzz-"))
    try:
        with EmbeddedClickHouse(directory / "clickhouse", log_directory=directory) as clickhouse:
            for seed in count(first_seed):
                if time.monotonic() > ends_at:
                    break
                database = f"fuzz_{passes // LOGS_PER_DATABASE}"
                if passes % LOGS_PER_DATABASE == 0:
                    migrations.migrate(clickhouse.url, database)
                size = LARGEST_LOG if seed % 10 == 0 else 200
                try:
                    found = run_pass(seed, clickhouse.url, database, size)
                except Exception as error:
                    print_progress(f"seed {seed}: {''.join(traceback.format_exception(error))}")
                    verdict.failures.append(f"seed {seed}, {size} records: {type(error).__name__}")
                else:
                    verdict.failures += _faults(seed, size, found)
                    applied += found.applied
                passes, records = passes + 1, records + size
    except Stopped:
        verdict.given_up = f"all but the first {time.monotonic() - ends_at + seconds:.0f} s"
    verdict.faults["logs"] = passes
    verdict.ran += f"\n  {passes:,} logs of {records:,} records, {applied:,} applied"
    return verdict


def _faults(seed: int, size: int, found: Pass) -> list[str]:
    is_accounted_for = found.consumed == size == found.applied + found.duplicate + found.rejected
    is_stored = found.stored == found.applied and found.letters == found.rejected
    return [] if is_accounted_for and is_stored else [f"seed {seed}, {size} records: {found}"]
