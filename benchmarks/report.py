"""The figures as printed: Markdown tables."""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from benchmarks.baselines.bare_loop import Loop
from benchmarks.baselines.faust_app import Agent
from benchmarks.markdown import table
from benchmarks.measures.end_to_end import EndToEnd
from benchmarks.measures.freshness import Freshness
from benchmarks.measures.memory import Memory
from benchmarks.measures.panel_queries import PanelQueries
from benchmarks.measures.restore import READ_BACK_COUNT, Restore
from benchmarks.measures.stages import FLUSHED_RECORDS, INSERT_INTERACTIONS, INSERT_LEDGER, PASSES, Stages
from benchmarks.support.dashboards import queries_of, shipped
from benchmarks.support.filled_ledger import Filled

TARGET_RATIO = 0.5
TARGET_BYTES = 1024
TARGET_RESTORE_SECONDS = 15.0
TARGET_P99_SECONDS = 2.0
TARGET_EVENTS_PER_SECOND = 5_000
TARGET_QUERY_MILLISECONDS = 200
SLOWEST_SHOWN = 8
#: The simulated traffic is random; a mean rate below this share of the target misses the target.
LEAST_SHARE_OF_RATE = 0.95


class Round(msgspec.Struct):
    """All four ways of reading, one after the other on the same topic."""

    bare: Loop
    faust: Agent
    faust_table: Agent
    ours: EndToEnd

    @property
    def ratio(self) -> float:
        """Return our rate as a share of the bare loop's in the same round."""
        return rate(self.ours) / rate(self.bare)


class Figures(msgspec.Struct):
    """Everything measured in one run. `note` is a remark by the person who started it."""

    machine: dict[str, str]
    note: str
    event_count: int
    faust_event_count: int
    faust_table_event_count: int
    rounds: list[Round]
    #: The first one with the dashboards as shipped.
    freshness: list[Freshness]
    stages: Stages
    memory: Memory
    filled: Filled
    restore: Restore
    panels: PanelQueries | None


def rate(measured: Loop | Agent | EndToEnd) -> float:
    """Return events per second."""
    return measured.event_count / measured.seconds


def tables(figures: Figures) -> dict[str, str]:
    """Return all figures as Markdown, by the name of their block in `docs/benchmarks.md`."""
    return {name: write(figures) for name, write in BLOCKS.items()}


def _machine(figures: Figures) -> str:
    rows = [*figures.machine.items()]
    if figures.note:
        rows.append(("note", figures.note))
    return table(("what", "value"), rows)


def _throughput(figures: Figures) -> str:
    rounds = figures.rounds
    ours = [each.ours for each in rounds]
    rows = [
        ("bare loop: aiokafka and msgspec", _rates([each.bare for each in rounds]), "1.00"),
        (
            "Faust, event by event, decoding only",
            _rates([each.faust for each in rounds]),
            _ratios(rate(each.faust) / rate(each.bare) for each in rounds),
        ),
        (
            "Faust, event by event, with a table",
            _rates([each.faust_table for each in rounds]),
            _ratios(rate(each.faust_table) / rate(each.bare) for each in rounds),
        ),
        ("**Sichtflug, Kafka to rows in ClickHouse**", _rates(ours), _ratios(each.ratio for each in rounds)),
    ]
    ratio = median(each.ratio for each in rounds)
    worker = median(1e6 * each.worker_cpu_seconds / each.event_count for each in ours)
    engine = median(1e6 * each.engine_cpu_seconds / each.event_count for each in ours)
    bare = median(1e6 * each.bare.cpu_seconds / each.bare.event_count for each in rounds)
    to_table = _ratios((rate(each.ours) / rate(each.faust_table) for each in rounds), 1)
    to_decoding = _ratios((rate(each.ours) / rate(each.faust) for each in rounds), 1)
    verdict = "reached" if ratio >= TARGET_RATIO else "missed"
    return "\n".join(
        (
            f"{figures.event_count:,} events ({figures.faust_event_count:,} for Faust decoding only, "
            f"{figures.faust_table_event_count:,} with a table), {len(rounds)} rounds: median (least to greatest). "
            "Ratios are taken within a round.",
            "",
            table(("program", "events/s", "share of the bare loop"), rows),
            "",
            f"Sichtflug / Faust with a table: **{to_table}**; Sichtflug / Faust, decoding only: {to_decoding}.",
            "",
            f"Target: at least {TARGET_RATIO} of the bare loop. **{ratio:.2f}: {verdict}.**",
            "",
            "The customers stage yields to the interactions stage while that is behind; it had caught up "
            f"{median(measured.customers_seconds for measured in ours):.1f} s later.",
            "",
            f"CPU time per event: worker {worker:.1f} µs, ClickHouse {engine:.1f} µs, bare loop {bare:.1f} µs.",
        )
    )


def _freshness(figures: Figures) -> str:
    found = figures.freshness
    rows = [
        ("events/s", [f"{_events_per_second(freshness):,.0f}" for freshness in found]),
        ("acknowledged by Kafka to queryable: p50", [f"{freshness.p50_seconds:.2f} s" for freshness in found]),
        ("p99", [f"{freshness.p99_seconds:.2f} s" for freshness in found]),
        ("longest", [f"{freshness.longest_seconds:.2f} s" for freshness in found]),
        ("refreshes of the dashboards", [f"{freshness.refresh_count}" for freshness in found]),
        ("all queries of a refresh: median", [f"{freshness.refresh_median_seconds:.2f} s" for freshness in found]),
        ("slowest", [f"{freshness.refresh_longest_seconds:.2f} s" for freshness in found]),
        ("poll of the ledger: median", [f"{1000 * freshness.poll_median_seconds:,.0f} ms" for freshness in found]),
    ]
    first = found[0]
    is_at_rate = _events_per_second(first) >= LEAST_SHARE_OF_RATE * TARGET_EVENTS_PER_SECOND
    verdict = "met" if first.p99_seconds <= TARGET_P99_SECONDS and is_at_rate else "missed"
    screens = shipped()
    query_count = sum(len(list(queries_of(dashboard))) for dashboard in screens)
    return "\n".join(
        (
            f"{first.seconds} s, one worker process, all {len(screens)} shipped dashboards open: {query_count} queries "
            "per refresh of all.",
            "",
            table(
                ("each dashboard refreshed", *(f"every {freshness.refresh_seconds:g} s" for freshness in found)),
                [(name, *values) for name, values in rows],
            ),
            "",
            f"Target: p99 <= {TARGET_P99_SECONDS:.0f} s at {TARGET_EVENTS_PER_SECOND:,} events/s, with dashboards open "
            f"as shipped. **{first.p99_seconds:.2f} s at {_events_per_second(first):,.0f} events/s: {verdict}.**",
        )
    )


def _events_per_second(found: Freshness) -> float:
    return found.event_count / found.seconds


def _stages(figures: Figures) -> str:
    spent = figures.stages.microseconds
    engine = spent[INSERT_INTERACTIONS] + spent[INSERT_LEDGER]
    total = sum(spent.values()) - engine
    rows = [(name, f"{value:.2f}") for name, value in spent.items() if name not in (INSERT_INTERACTIONS, INSERT_LEDGER)]
    rows.append(("**total of the worker**", f"**{total:.2f}**"))
    rows += [(name, f"{spent[name]:.2f}") for name in (INSERT_INTERACTIONS, INSERT_LEDGER)]
    return "\n".join(
        (
            f"One thread, the same events from memory, a flush every {FLUSHED_RECORDS:,} events of a partition "
            f"({figures.stages.ledger_rows_per_flush:,.0f} rows of the ledger each), median of {PASSES} passes. In a "
            "worker the inserts overlap with the fold, and reading from Kafka comes on top.",
            "",
            table(("stage", "µs per event"), rows),
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
        (f"reading back {READ_BACK_COUNT} of them by key", f"{1000 * restore.read_back_seconds:.0f} ms", ""),
    ]
    return table(("what", "value", "target"), rows)


def _panels(figures: Figures) -> str:
    found = figures.panels
    if found is None:
        return "Not measured in this run."
    late = [query for query in found.queries if query.milliseconds > TARGET_QUERY_MILLISECONDS]
    rows = [(query.where, f"{query.milliseconds:,.0f} ms") for query in found.queries[:SLOWEST_SHOWN]]
    rows.append(("median of all", f"{median(query.milliseconds for query in found.queries):,.0f} ms"))
    verdict = f"missed by {len(late)}" if late else "met"
    return "\n".join(
        (
            f"{len(found.queries)} queries of panels, variables and annotations on {found.pane_count:,} panes: a year "
            "of a million conversations a day in 160 series, one Kafka partition. Each at its dashboard's range, the "
            "median of three.",
            "",
            table(("the slowest", "time"), rows),
            "",
            f"Target: each within {TARGET_QUERY_MILLISECONDS} ms. **{verdict}.**",
        )
    )


def _rates(measured: Sequence[Loop | Agent | EndToEnd]) -> str:
    rates = sorted(map(rate, measured))
    return f"{median(rates):,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f})"


def _ratios(ratios: Iterable[float], digits: int = 2) -> str:
    found = sorted(ratios)
    return f"{median(found):.{digits}f} ({found[0]:.{digits}f} to {found[-1]:.{digits}f})"


BLOCKS = {
    "machine": _machine,
    "throughput": _throughput,
    "freshness": _freshness,
    "stages": _stages,
    "memory": _state,
    "queries": _panels,
}
