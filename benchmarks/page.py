"""The page `docs/benchmarks.md`: the tables, and around them how they were measured."""

from benchmarks.report import Figures, tables


def page(figures: Figures) -> str:
    """The whole of `docs/benchmarks.md`."""
    return f"{HEAD}\n{tables(figures)}\n{TAIL}"


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
- **Faust, event by event, decoding only**: a plain app with one agent that decodes. No state, no rows. From the first
  to the last event that the agent is given.
- **Faust, event by event, with a table**: the same app with two tables (`faust.Table` in memory, each with its
  changelog topic in Kafka, all settings Faust's own): each event changes one count per partition, minute, channel and
  type, and the entry of its conversation (its channel and last type). It stands for the least that our job needs,
  without the life cycle, clocks, histograms, duplicates and rows in a database. Timed in the same way, so the last
  changes may not be in the changelog yet. Should an app not be handed its events within a minute, another one is
  started, once.
- **Sichtflug**: `sichtflug worker`, with a fresh database. From the end of the restore, just before the first record
  is read, until the checkpoints of all partitions in ClickHouse stand at the end of their logs: so including the
  life cycle, the panes, every row of `interactions` and `ledger`, the dead letters, and the wait of up to a second for
  the last flush. Excluding the start of the process and the time to join the consumer group. The books must balance
  with the topic, or the run fails. The engine's CPU time is that within these seconds, merges among it. Facts about
  customers are told within these seconds; the stage that folds them gives way until stage 1 has caught up.

Freshness: a topic of its own, an empty database and one `sichtflug worker`; a producer in a process of its own sends
simulated traffic at the pace of the wall clock, 30 s before the measured seconds too. It stands for many on other
machines: the events are simulated before the first is sent, and librdkafka sends them. It notes when Kafka's
acknowledgement of each record came (`acks=all`), with partition and offset. Meanwhile a poll asks the ledger every
100 ms, or when its last answer is there if that takes longer, for the next offset of each partition: a flush is one
insert, so what lies before it can be queried. A record counts as queryable when the first answer that stands for it has
arrived: the figures include the poll's interval and its query, which waits its turn behind those of the dashboards like
any other. Neither the worker's metrics nor its clock are asked. The dashboards: a client for each shipped one asks over
HTTP, for its own time range, all that its panels, variables and annotations ask, one query after the other, at each
refresh; their turns are spread evenly. Once as they are shipped, once as often as Grafana lets viewers choose. The
embedded engine runs four queries side by side, and inserts beside them. The
durations include that waiting. A rate of less than 95 % of 5,000 events/s does not meet the target. The producer, the
poll and the dashboards take their part of the same cores.

Stages: as in a worker, records are decoded, folded and encoded as rows of `interactions` in slices of 1,000, small
enough to stay in the processor's cache from one step to the next; the rest of the work is done once a flush. The times
of the slices are added up.

Memory: conversations of ten events are decoded and folded; the growth of resident memory is divided by their number.
A worker's filter of known ids (10 bits an id) and its cache of panes are not in it. Restore: the ledger is filled with
rows of such conversations, then a fresh process runs `PartitionWorker.restore` in a thread, as a worker does, while a
task of its event loop sleeps 10 ms again and again and notes how late it wakes. The rules are the defaults: no targets,
no idle limits.

## How to run it

```
make bench                                        # a quarter of an hour; writes this page
.venv/bin/python -m benchmarks.run --quick        # a try, one round; prints only
.venv/bin/python -m benchmarks.run --events 1000000 --rounds 3 --note "idle machine"
```

Nothing else should run on the machine: the worker, the engine and the broker fill two cores by themselves. All
traffic stays on loopback, all data in a temporary directory that is removed at the end.
"""
