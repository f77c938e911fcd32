"""`sichtflug worker` as a process that breaks a rule: `python wrong_worker.py MUTANT BUG_AFTER`, see mutants.py."""

import sys
from typing import Any

from pipeline import cli
from streams.life_cycle import LifeCycle

from mutants import MUTANTS, PROCESS_MUTANTS, mutated


def main() -> None:
    """Become that worker."""
    mutant, bug_after = sys.argv[1], int(sys.argv[2])
    sys.argv[1:] = ["worker"]
    if bug_after:
        raise_after(bug_after)
    with mutated((MUTANTS | PROCESS_MUTANTS)[mutant] if mutant else ()):
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


if __name__ == "__main__":
    main()
