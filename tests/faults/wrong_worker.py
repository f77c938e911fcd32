"""`sichtflug worker` as a process that breaks a rule: see mutants.py.

`wrong_worker.py MUTANT BUG_AFTER LOST_FETCH BUG_ON`
"""

import sys
from random import Random
from typing import Any

from pipeline import cli
from pipeline.kafka.transport import Batch, ConsumerThread
from pipeline.ledger.rows import RowEncoder
from streams.conversations.life_cycle import LifeCycle
from tests.faults.mutants import HANGING, MUTANTS, PROCESS_MUTANTS, mutated


def main() -> None:
    """Run that worker."""
    mutant, bug_after, lost_fetch, bug_on = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    sys.argv[1:] = ["worker"]
    if bug_after:
        raise_after(bug_after)
    if bug_on:
        raise_on(bug_on)
    if lost_fetch:
        lose_each(lost_fetch)
    with mutated((MUTANTS | PROCESS_MUTANTS | HANGING)[mutant] if mutant else ()):
        cli.main()


def raise_after(event_count: int) -> None:
    """Install a bug in the fold that raises once, after the given number of events."""
    apply, seen_count = LifeCycle.apply, 0

    def fail(self: LifeCycle, conversation: Any, event: Any) -> Any:
        nonlocal seen_count
        seen_count += 1
        if seen_count == event_count:
            raise ZeroDivisionError("a bug in the fold")
        return apply(self, conversation, event)

    LifeCycle.apply = fail  # type: ignore[method-assign]


def raise_on(place: str) -> None:
    """Install a bug that raises whenever events of the conversation `fold`, or of `flush`, are processed."""
    apply, conversations = LifeCycle.apply, RowEncoder.conversations

    def apply_all_but_one(self: LifeCycle, conversation: Any, event: Any) -> Any:
        if event.conversation_id == place == "fold":
            raise ZeroDivisionError("a bug in the fold")
        return apply(self, conversation, event)

    def encode_all_but_one(self: RowEncoder, keys: Any, *others: Any) -> Any:
        if place == "flush" and any(key.endswith(place) for key in keys):
            raise ZeroDivisionError("a bug in an encoder")
        return conversations(self, keys, *others)

    LifeCycle.apply = apply_all_but_one  # type: ignore[method-assign]
    RowEncoder.conversations = encode_all_but_one  # type: ignore[assignment, method-assign]


def lose_each(number: int) -> None:
    """Lose every `number`th fetch that brings records, on average, between the client and Faust.

    At random: with a fixed period, stages that fetch in a regular rhythm would always lose the same one.
    """
    fetch, chance = ConsumerThread._fetch_records, Random(number)

    async def lose(self: ConsumerThread, *arguments: Any, **options: Any) -> dict[Any, Batch]:
        found: dict[Any, Batch] = await fetch(self, *arguments, **options)
        return {} if found and chance.randrange(number) == 0 else found

    ConsumerThread._fetch_records = lose  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
