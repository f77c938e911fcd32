"""Measure everything and print it; without `--quick` also write the figures into `docs/benchmarks.md`."""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.baselines import bare_loop, faust_app
from benchmarks.markdown import with_figures
from benchmarks.measures import end_to_end, freshness, memory, panel_queries, restore, stages
from benchmarks.report import Figures, Round, rate, tables
from benchmarks.support import filled_ledger, traffic
from benchmarks.support.dashboards import SHORTEST_REFRESH_SECONDS, shipped_refresh_seconds
from benchmarks.support.machine import description
from benchmarks.support.processes import MeasurementError, measured
from benchmarks.support.traffic import Topic
from benchmarks.support.worker_process import fresh_database
from pipeline.embedded.servers import EmbeddedClickHouse, EmbeddedKafka

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
TOPIC = "interactions"
EVENTS, QUICK_EVENTS = 300_000, 100_000
ROUNDS = 5
FAUST_EVENTS, FAUST_TABLE_EVENTS = 20_000, 10_000
FRESH_SECONDS, QUICK_FRESH_SECONDS = 30, 10
CONVERSATIONS, QUICK_CONVERSATIONS = 100_000, 50_000
RESTORED, QUICK_RESTORED = 1_000_000, 50_000


def main() -> None:
    """Run the measurements, as `python -m benchmarks.run`."""
    options = _options()
    event_count = options.events or (QUICK_EVENTS if options.quick else EVENTS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    machine = description()
    with tempfile.TemporaryDirectory(prefix="sichtflug-bench-") as name:
        directory = Path(name)
        with (
            EmbeddedKafka(log_directory=directory) as kafka,
            EmbeddedClickHouse(directory / "clickhouse", log_directory=directory) as clickhouse,
        ):
            _say(f"filling a topic with {event_count:,} events")
            topic = traffic.fill(kafka.bootstrap, TOPIC, event_count)
            bench = _Bench(topic, clickhouse, directory)
            done = [bench.round(number) for number in range(1, rounds + 1)]
            fresh_seconds = QUICK_FRESH_SECONDS if options.quick else FRESH_SECONDS
            refreshes = (shipped_refresh_seconds(), SHORTEST_REFRESH_SECONDS)
            fresh = [bench.freshness(fresh_seconds, refresh_seconds) for refresh_seconds in refreshes]
            where = bench.stages()
            memory_figures = bench.memory(QUICK_CONVERSATIONS if options.quick else CONVERSATIONS)
            filled, restored = bench.restore(QUICK_RESTORED if options.quick else RESTORED)
            panels = None if options.quick else bench.panel_queries()
    figures = Figures(
        machine=machine,
        note=options.note,
        event_count=event_count,
        faust_event_count=bench.faust_count,
        faust_table_event_count=bench.faust_table_count,
        rounds=done,
        freshness=fresh,
        stages=where,
        memory=memory_figures,
        filled=filled,
        restore=restored,
        panels=panels,
    )
    blocks = tables(figures)
    sys.stdout.write("\n\n".join(f"{name}\n\n{text}" for name, text in blocks.items()) + "\n")
    if not options.quick:
        PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")
        _say(f"written: {PAGE.relative_to(PAGE.parents[1])}")


class _Bench:
    """The measurements, each in its own process, sharing one topic and one engine."""

    def __init__(self, topic: Topic, clickhouse: EmbeddedClickHouse, directory: Path) -> None:
        self._topic = topic
        self._clickhouse = clickhouse
        self._directory = directory
        self._log = directory / "measurements.log"
        self.faust_count = min(FAUST_EVENTS, topic.event_count)
        self.faust_table_count = min(FAUST_TABLE_EVENTS, topic.event_count)

    def round(self, number: int) -> Round:
        """Run all four ways of reading in turn."""
        topic, engine = self._topic, self._clickhouse
        bare = measured("baselines.bare_loop", bare_loop.Loop, self._log, topic)
        faust = self._faust("baselines.faust_events", f"event-by-event-{number}", self.faust_count)
        faust_table = self._faust("baselines.faust_table", f"with-a-table-{number}", self.faust_table_count)
        ours = end_to_end.run(topic, engine.url, engine.process.pid, f"round_{number}", self._directory)
        done = Round(bare, faust, faust_table, ours)
        _say(
            f"round {number}: bare loop {rate(bare):,.0f}, Faust decoding only {rate(faust):,.0f}, with a table "
            f"{rate(faust_table):,.0f}, ours {rate(ours):,.0f} events/s, ratio {done.ratio:.2f}"
        )
        return done

    def _faust(self, module: str, group: str, event_count: int) -> faust_app.Agent:
        """Run one of the Faust variants. An app that receives no events (observed once) is replaced by another."""
        try:
            return measured(module, faust_app.Agent, self._log, faust_app.Run(self._topic, group, event_count))
        except MeasurementError as failure:
            _say(f"again in a new group: {failure}")
            run = faust_app.Run(self._topic, f"{group}-again", event_count)
            return measured(module, faust_app.Agent, self._log, run)

    def freshness(self, seconds: int, refresh_seconds: float) -> freshness.Freshness:
        """Measure the time from Kafka's acknowledgement until rows can be queried."""
        _say(f"measuring freshness for {seconds} s, the dashboards refreshed every {refresh_seconds:g} s")
        kafka, clickhouse = self._topic.bootstrap, self._clickhouse.url
        return freshness.run(kafka, clickhouse, seconds, refresh_seconds, self._log)

    def stages(self) -> stages.Stages:
        """Measure the time per step."""
        _say("timing the stages")
        with fresh_database(self._clickhouse.url, "stages") as database:
            run = stages.Run(self._topic, self._clickhouse.url, database)
            return measured("measures.stages", stages.Stages, self._log, run)

    def memory(self, count: int) -> memory.Memory:
        """Measure the memory per conversation."""
        _say(f"holding {count:,} conversations")
        return measured("measures.memory", memory.Memory, self._log, memory.Run(count))

    def restore(self, count: int) -> tuple[filled_ledger.Filled, restore.Restore]:
        """Fill a ledger and restore it."""
        with fresh_database(self._clickhouse.url, "restored") as database:
            run = filled_ledger.Run(self._clickhouse.url, database, count)
            _say(f"filling a ledger with {count:,} open conversations")
            filled = measured("support.filled_ledger", filled_ledger.Filled, self._log, run)
            _say("restoring them")
            return filled, measured("measures.restore", restore.Restore, self._log, run)

    def panel_queries(self) -> panel_queries.PanelQueries:
        """Fill a year of panes and run the dashboards' queries."""
        with fresh_database(self._clickhouse.url, "year") as database:
            _say("filling a year of panes, and asking what the dashboards ask")
            run = panel_queries.Run(self._clickhouse.url, database)
            return measured("measures.panel_queries", panel_queries.PanelQueries, self._log, run)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller and one round, to try it; prints only")
    parser.add_argument("--events", type=int, help=f"events in the topic ({EVENTS:,}; quick {QUICK_EVENTS:,})")
    parser.add_argument("--rounds", type=int, help=f"rounds ({ROUNDS}; quick 1)")
    parser.add_argument("--note", default="", help="a remark for the page, such as what else ran on the machine")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
