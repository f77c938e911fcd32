"""What a soak found: how often what happened, and what went wrong."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Verdict:
    """Of one part of a soak. `ran` says what was run, so that somebody can run it again."""

    ran: str
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    claim: str = "all rows equal those without faults"

    def lines(self) -> list[str]:
        """For people: what ran, what happened, what failed, and the verdict."""
        happened = [f"  {name}: {number:,}" for name, number in sorted(self.faults.items())]
        failed = [f"FAILED {failure}" for failure in self.failures]
        return [self.ran, *happened, *failed, f"verdict: {'it does not hold that ' if failed else ''}{self.claim}"]
