"""The part of `make soak` that checks the views in every time zone."""

import tempfile
import time
import zoneinfo
from collections.abc import Callable
from pathlib import Path

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.signals import Stopped
from tests.faults.verdict import Verdict
from tests.support.zone_views import check_zone


def soak_zones(pasts: int, seed: int, print_progress: Callable[[str], None]) -> Verdict:
    """Check a number of random pasts of each zone, from `seed` on. A failure names zone, watermark and view."""
    zones = sorted(zoneinfo.available_timezones() - {"localtime"})
    seeds = range(seed, seed + pasts)
    verdict = Verdict(
        f"views of {len(zones)} zones, seeds {seeds.start} to {seeds.stop - 1} of each",
        claim="every view equals brute force over single events",
    )
    directory = Path(tempfile.mkdtemp(prefix="sichtflug-zones-"))
    told_at = time.monotonic()
    with EmbeddedClickHouse(directory, log_directory=directory) as clickhouse:
        migrations.migrate(clickhouse.url, "zones")
        client = ClickHouse(clickhouse.url, "zones")
        try:
            for done, (seed_of_pass, name) in enumerate(
                [(seed_of_pass, name) for seed_of_pass in seeds for name in zones]
            ):
                try:
                    check_zone(client, name, seed_of_pass)
                    verdict.faults["pasts compared"] += 1
                except AssertionError as error:
                    verdict.failures.append(f"seed {seed_of_pass}: {str(error).partition(chr(10))[0]}")
                if time.monotonic() - told_at > 10:
                    told_at = time.monotonic()
                    print_progress(f"{done + 1:,} of {len(zones) * pasts:,} pasts")
        except Stopped:
            verdict.given_up = f"all but {verdict.faults['pasts compared']:,} of {len(zones) * pasts:,} pasts"
        finally:
            client.close()
    return verdict
