"""The figures as Markdown: the tables printed, and the page `docs/benchmarks.md` around them."""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from benchmarks.bare_loop import Loop
from benchmarks.faust_events import Agent
from benchmarks.filled_ledger import Filled
from benchmarks.memory import Memory
from benchmarks.restore import Restore
from benchmarks.stages import FLUSHED_RECORDS, INSERT_INTERACTIONS, INSERT_LEDGER, PASSES, Stages
from benchmarks.whole_way import WholeWay

TARGET_RATIO = 0.5
TARGET_BYTES = 1024
TARGET_RESTORE_SECONDS = 15.0


class Round(msgspec.Struct):
    """The three ways, one after the other on the same topic."""

    bare: Loop
    faust: Agent
    ours: WholeWay

    @property
    def ratio(self) -> float:
        """Our rate as a share of the bare loop's, in the same round."""
        return rate(self.ours) / rate(self.bare)


class Figures(msgspec.Struct):
    """Everything measured in one run. `note` is what whoever started it wants said."""

    machine: dict[str, str]
    note: str
    event_count: int
    faust_event_count: int
    rounds: list[Round]
    stages: Stages
    memory: Memory
    filled: Filled
    restore: Restore


def rate(measured: Loop | Agent | WholeWay) -> float:
    """Events per second."""
    return measured.event_count / measured.seconds


def tables(figures: Figures) -> str:
    """All figures as Markdown tables with a heading each."""
    sections = (
        ("Machine", _machine(figures)),
        ("Throughput of one process", _throughput(figures)),
        ("Where the time goes", _stages(figures)),
        ("Memory and restore", _state(figures)),
    )
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections) + "\n"


def page(figures: Figures) -> str:
    """The whole of `docs/benchmarks.md`."""
    return f"{HEAD}\n{tables(figures)}\n{TAIL}"


def _machine(figures: Figures) -> str:
    rows = [*figures.machine.items()]
    if figures.note:
        rows.append(("note", figures.note))
    return _table(("what", "value"), rows)


def _throughput(figures: Figures) -> str:
    rounds = figures.rounds
    ours = [one.ours for one in rounds]
    rows = [
        ("bare loop: aiokafka and msgspec", _rates([one.bare for one in rounds]), "1.00"),
        (
            "Faust, event by event",
            _rates([one.faust for one in rounds]),
            _ratios(rate(o.faust) / rate(o.bare) for o in rounds),
        ),
        ("**Sichtflug, Kafka to rows in ClickHouse**", _rates(ours), _ratios(one.ratio for one in rounds)),
    ]
    ratio = median(one.ratio for one in rounds)
    worker = median(1e6 * one.worker_cpu_seconds / one.event_count for one in ours)
    engine = median(1e6 * one.engine_cpu_seconds / one.event_count for one in ours)
    bare = median(1e6 * one.bare.cpu_seconds / one.bare.event_count for one in rounds)
    verdict = "reached" if ratio >= TARGET_RATIO else "missed"
    return "\n".join(
        (
            f"{figures.event_count:,} events ({figures.faust_event_count:,} for Faust event by event), "
            f"{len(rounds)} rounds: median (least to greatest). Ratios are taken within a round.",
            "",
            _table(("way", "events a second", "of the bare loop"), rows),
            "",
            f"Target: at least {TARGET_RATIO} of the bare loop. **{ratio:.2f}: {verdict}.**",
            "",
            f"CPU time an event: worker {worker:.1f} µs, ClickHouse's engine {engine:.1f} µs, bare loop {bare:.1f} µs.",
        )
    )


def _stages(figures: Figures) -> str:
    spent = figures.stages.microseconds
    engine = spent[INSERT_INTERACTIONS] + spent[INSERT_LEDGER]
    total = sum(spent.values()) - engine
    rows = [(name, f"{value:.2f}") for name, value in spent.items() if name not in (INSERT_INTERACTIONS, INSERT_LEDGER)]
    rows.append(("**the worker's own, together**", f"**{total:.2f}**"))
    rows += [(name, f"{spent[name]:.2f}") for name in (INSERT_INTERACTIONS, INSERT_LEDGER)]
    return "\n".join(
        (
            f"One thread, the same events from memory, a flush every {FLUSHED_RECORDS:,} events of a partition "
            f"({figures.stages.ledger_rows_per_flush:,.0f} rows of the ledger each), median of {PASSES} passes. In a "
            "worker the inserts overlap with the fold, and reading from Kafka comes on top.",
            "",
            _table(("stage", "µs an event"), rows),
        )
    )


def _state(figures: Figures) -> str:
    restore, memory = figures.restore, figures.memory
    count = f"{restore.conversation_count:,}"
    rows = [
        (
            f"memory of an open conversation of ten events (mean of {memory.count:,})",
            f"{memory.bytes_per_conversation:,.0f} bytes",
            f"≤ {TARGET_BYTES:,}",
        ),
        (
            f"restore of {count} open conversations and {figures.filled.pane_count:,} panes of one partition",
            f"{restore.seconds:.1f} s",
            f"≤ {TARGET_RESTORE_SECONDS:.0f} s for a million",
        ),
        ("its CPU time in the worker", f"{restore.cpu_seconds:.1f} s", ""),
        ("longest pause of the event loop meanwhile", f"{1000 * restore.longest_pause_seconds:.0f} ms", "alive"),
        ("pauses of more than 100 ms", f"{restore.long_pause_count}", ""),
        ("resident memory of the worker afterwards", f"{restore.resident_bytes / 2**20:,.0f} MiB", ""),
    ]
    return _table(("what", "value", "target"), rows)


def _rates(measured: Sequence[Loop | Agent | WholeWay]) -> str:
    rates = sorted(map(rate, measured))
    return f"{median(rates):,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f})"


def _ratios(ratios: Iterable[float]) -> str:
    found = sorted(ratios)
    return f"{median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


HEAD = """# Benchmarks

What one worker process does on one small machine, and what it is compared with. `benchmarks/` measures it and writes
this page; nothing here is edited by hand.
"""

TAIL = """## How it is measured

The embedded Kafka broker and the embedded ClickHouse run on the same machine as what is measured, and share its cores
with it. One topic with four partitions, lz4, is filled with simulated live traffic (`pipeline.simulation`: nine
channels, duplicates, late, disordered and bad records among them; five minutes of event time for 300,000 events). Then
each round, in turn, on that topic, each in a process of its own:

- **Bare loop**: aiokafka's `getmany` and msgspec's decode of the typed envelope; fetch sizes as in our transport. It
  keeps no state and writes nothing: an upper bound for anything in Python on this client.
- **Faust, event by event**: a plain app with one agent that decodes. No state, no rows.
- **Sichtflug**: `sichtflug worker`, with a fresh database. From the end of the restore, just before the first record
  is read, until the checkpoints of all partitions in ClickHouse stand at the end of their logs: so including the
  life cycle, the panes, every row of `interactions` and `ledger`, the dead letters, and the wait of up to a second for
  the last flush. Excluding the start of the process and the time to join the consumer group. The books must balance
  with the topic, or the run fails. The engine's CPU time is that within these seconds, merges among it.

Memory: conversations of ten events are decoded and folded; the growth of resident memory is divided by their number.
A worker's filter of known ids (10 bits an id) and its cache of panes are not in it. Restore: the ledger is filled with
rows of such conversations, then a fresh process runs `PartitionWorker.restore` in a thread, as a worker does, while a
task of its event loop sleeps 10 ms again and again and notes how late it wakes. The rules are the defaults: no targets,
no idle limits.

## How to run it

```
make bench                                        # some minutes; writes this page
.venv/bin/python -m benchmarks.run --quick        # a try, one round; prints only
.venv/bin/python -m benchmarks.run --events 1000000 --rounds 3 --note "idle machine"
```

Nothing else should run on the machine: the worker, the engine and the broker fill two cores by themselves. All
traffic stays on loopback, all data in a temporary directory that is removed at the end.
"""
