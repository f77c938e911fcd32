"""The configuration of the rules that a log is folded with: one at a time, changed with all workers stopped.

Rules determine stored values, so two workers with different rules would write rows that no single computation yields.
Checkpoints carry the version (a hash) and the number (a count of changes) of the configuration they were written with.
A worker whose rules differ from the newest begins the next number, but not while workers with other rules are alive;
a worker that finds a number newer than its own stops.
"""

import time
from typing import NamedTuple

from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.errors import RulesRefusedError
from pipeline.ledger.workers import GONE_SECONDS, WorkerRegistry
from streams.rules import Rules

POLL_SECONDS = 0.5


class Configuration(NamedTuple):
    """A configuration of a log's rules: `number` counts the changes, `version` is a hash of the rules."""

    number: int
    version: str


def newest(client: ClickHouse, topic: str) -> tuple[Configuration, str] | None:
    """Return the newest configuration a log was folded with, and its reporting zone; None before the first flush."""
    rows = client.rows(
        "SELECT configuration_number, configuration, reporting_zone FROM ledger "
        f"WHERE log = {quoted(topic)} AND kind = 'checkpoint' AND configuration != '' "
        "ORDER BY configuration_number DESC, revision DESC LIMIT 1"
    )
    if not rows:
        return None
    number, version, zone = rows[0]
    return Configuration(int(number), str(version)), str(zone)


def adopt(client: ClickHouse, worker_registry: WorkerRegistry, topic: str, rules: Rules) -> Configuration:
    """Return the configuration for the checkpoints of a worker that starts: the newest, or the one after it.

    Waits for workers with other rules to disappear, because killed ones look alive for a while. Raises
    RulesRefusedError and the errors of the ClickHouse client.
    """
    # Report before looking at others: of two workers that begin a change at once, at least one sees the other.
    worker_registry.report("starting")
    stored = newest(client, topic)
    if stored and stored[1] != rules.days.zone:
        raise RulesRefusedError(
            f"{topic}: the days in the ledger are those of {stored[1]}, the configuration says reporting_zone = "
            f"{rules.days.zone!r}. Stored days cannot be recomputed: set it back, or fold into an empty database"
        )
    before = stored[0] if stored else Configuration(0, "")
    is_change = before.version != rules.version
    # Workers that only start with other rules must not block one that continues with the current rules.
    rivals = ("starting", "working") if is_change else ("working",)
    deadline = time.monotonic() + GONE_SECONDS
    while others := worker_registry.others(rivals):
        if time.monotonic() >= deadline:
            worker_registry.report("stopped")
            raise RulesRefusedError(
                f"{topic}: this worker has configuration {rules.version}, and workers with another one are still "
                f"running: {', '.join(others)}. Stop all of them, then start them with the new one"
            )
        time.sleep(POLL_SECONDS)
    worker_registry.report("working")
    return Configuration(before.number + 1, rules.version) if is_change else before


def verify(where: str, stored: Configuration, own: Configuration) -> None:
    """Raise RulesRefusedError if a checkpoint was written with a newer configuration than this worker's."""
    if stored.version in ("", own.version) or stored.number < own.number:
        return
    raise RulesRefusedError(
        f"{where}: a checkpoint was written with configuration {stored.version}, which is newer than this worker's "
        f"{own.version}. Give this worker the newer one, or stop all workers and start them with this one"
    )
