"""Which configuration of the rules a log is folded with: one at a time, changed with all workers stopped.

Rules decide stored values, so two workers with different ones would write rows that no single computation gives.
Checkpoints name the version (a hash) and the number (which counts the changes) of the configuration they were written
with. A worker with other rules than the newest begins the next number, but not while workers with other rules are
alive; and a worker that comes upon a number newer than its own stops.
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
    """Which change of a log's rules, and the version of the rules since then."""

    number: int
    version: str


def newest(client: ClickHouse, topic: str) -> tuple[Configuration, str] | None:
    """The newest configuration with which a log was folded and its reporting zone, None before the first flush."""
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
    """The configuration under which a worker that starts writes its checkpoints: the newest, or the one after it.

    Workers that were killed look alive for a while, so others are waited for. Raises RulesRefusedError, and
    what ClickHouse raises.
    """
    # First show oneself, then look around: of two that begin a change at once at least one sees the other.
    worker_registry.tell("starting")
    found = newest(client, topic)
    if found and found[1] != rules.days.zone:
        raise RulesRefusedError(
            f"{topic}: the days in the ledger are those of {found[1]}, the configuration says reporting_zone = "
            f"{rules.days.zone!r}. Stored days cannot be cut anew: set it back, or fold into an empty database"
        )
    before = found[0] if found else Configuration(0, "")
    is_change = before.version != rules.version
    # One that only starts must not hold up those that go on with the rules in force.
    rivals = ("starting", "working") if is_change else ("working",)
    deadline = time.monotonic() + GONE_SECONDS
    while others := worker_registry.others(rivals):
        if time.monotonic() >= deadline:
            worker_registry.tell("stopped")
            raise RulesRefusedError(
                f"{topic}: this worker has configuration {rules.version}, and workers with another one are still "
                f"running: {', '.join(others)}. Stop all of them, then start them with the new one"
            )
        time.sleep(POLL_SECONDS)
    worker_registry.tell("working")
    return Configuration(before.number + 1, rules.version) if is_change else before


def verify(where: str, found: Configuration, own: Configuration) -> None:
    """Raise RulesRefusedError when a checkpoint was written with a newer configuration than one's own."""
    if found.version in ("", own.version) or found.number < own.number:
        return
    raise RulesRefusedError(
        f"{where}: a checkpoint was written with configuration {found.version}, which is newer than this worker's "
        f"{own.version}. Give this worker the newer one, or stop all workers and start them with this one"
    )
