"""The result of a soak: counts by fault, and what failed."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Verdict:
    """The result of one part of a soak. `ran` says what was run, so that it can be repeated."""

    ran: str
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    claim: str = "all rows equal those without faults"
    #: What was abandoned when the soak was stopped; '' if it ran to its end.
    given_up: str = ""

    def lines(self) -> list[str]:
        """Return readable lines: what ran, what happened, what failed, and the verdict."""
        happened = [f"  {name}: {number:,}" for name, number in sorted(self.faults.items())]
        failed = [f"FAILED {failure}" for failure in self.failures]
        if self.given_up and not self.faults and not failed:
            return [f"told to stop: {self.given_up}", "verdict: none, nothing was compared yet"]
        given_up = [f"told to stop: {self.given_up}"] if self.given_up else []
        verdict = f"verdict: {'it does not hold that ' if failed else ''}{self.claim}"
        return [self.ran, *given_up, *happened, *failed, verdict]
