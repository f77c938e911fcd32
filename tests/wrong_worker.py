"""`sichtflug worker` as a process that breaks a rule: `wrong_worker.py MUTANT BUG_AFTER LOST_FETCH`, see mutants.py."""

import sys
from typing import Any

from pipeline import cli
from pipeline.transport import Batch, ConsumerThread
from streams.life_cycle import LifeCycle

from mutants import HANGING, MUTANTS, PROCESS_MUTANTS, mutated


def main() -> None:
    """Become that worker."""
    mutant, bug_after, lost_fetch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.argv[1:] = ["worker"]
    if bug_after:
        raise_after(bug_after)
    if lost_fetch:
        lose_each(lost_fetch)
    with mutated((MUTANTS | PROCESS_MUTANTS | HANGING)[mutant] if mutant else ()):
        cli.main()


def raise_after(event_count: int) -> None:
    """From now on there is a bug in the fold, which shows once."""
    apply, seen_count = LifeCycle.apply, 0

    def fail(self: LifeCycle, conversation: Any, event: Any) -> Any:
        nonlocal seen_count
        seen_count += 1
        if seen_count == event_count:
            raise ZeroDivisionError("a bug in the fold")
        return apply(self, conversation, event)

    LifeCycle.apply = fail  # type: ignore[method-assign]


def lose_each(number: int) -> None:
    """From now on each so-manieth fetch that brings records gets lost between the client and Faust."""
    fetch, seen_count = ConsumerThread._fetch_records, 0

    async def lose(self: ConsumerThread, *arguments: Any, **options: Any) -> dict[Any, Batch]:
        nonlocal seen_count
        found: dict[Any, Batch] = await fetch(self, *arguments, **options)
        seen_count += bool(found)
        return {} if found and seen_count % number == 0 else found

    ConsumerThread._fetch_records = lose  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
