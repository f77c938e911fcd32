"""The command line. Names and options are stable, because users script against them."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import InputFileError, SichtflugError
from pipeline.logs import log_to_stderr, quieten_clients
from pipeline.settings import Settings, load

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Live channel mix, backlog and escalation numbers from customer-interaction events.",
)
# A pipe or a file has no window width.
console = Console() if sys.stdout.isatty() else Console(width=160)

DataDirectory = Annotated[Path | None, typer.Option("--data", help="Directory for ClickHouse's data.")]


def main() -> None:
    """Run a command; an expected error is one line on standard error and exit status 2."""
    quieten_clients()
    try:
        app()
    except SichtflugError as error:
        sys.stderr.write(f"sichtflug: {error}\n")
        sys.exit(2)


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(help="End this many seconds after the first numbers; without, on Ctrl-C.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Events per second, about.")] = 100.0,
    data: DataDirectory = None,
) -> None:
    """Run everything embedded: a broker, ClickHouse, a worker, simulated customers, and a table of the numbers."""
    from pipeline.commands.demo import run

    run(load(), seconds, rate, data, console)


@app.command()
def embedded(
    data: DataDirectory = None,
    kafka_port: Annotated[int, typer.Option(help="Port of the broker; 0 takes a free one.")] = 9092,
    clickhouse_port: Annotated[
        int, typer.Option(help="Port of ClickHouse's HTTP interface; 0 takes a free one.")
    ] = 8123,
    no_kafka: Annotated[bool, typer.Option("--no-kafka", help="Only ClickHouse.")] = False,
) -> None:
    """Run only the embedded Kafka and ClickHouse, until Ctrl-C."""
    from pipeline.commands.embedded import run_embedded

    run_embedded(load(), data or Path("sichtflug-data"), kafka_port, clickhouse_port, no_kafka, console)


@app.command()
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be applied.")] = False,
) -> None:
    """Create tables and views, or bring them up to this version. Stop all workers before."""
    settings = load()
    if dry_run:
        client = ClickHouse(settings.clickhouse_url, settings.clickhouse_database)
        plan = migrations.plan(client)
        client.close()
    else:
        plan = migrations.migrate(settings.clickhouse_url, settings.clickhouse_database)
    for file in plan.files:
        console.print(f"{'would apply' if dry_run else 'applied'} {file}")
    for view in plan.dropped_views:
        console.print(f"{'would drop' if dry_run else 'dropped'} the view {view}, which no file creates any more")
    if plan == migrations.NOTHING:
        console.print("up to date")


@app.command()
def worker() -> None:
    """Fold the log into ClickHouse. Run as many processes as there are partitions, if need be."""
    from pipeline.worker import run

    log_to_stderr()
    sys.exit(run(load()))


@app.command()
def page(
    port: Annotated[int | None, typer.Option(help="Instead of the setting's; 0 takes a free one.")] = None,
) -> None:
    """Serve the dashboards to a browser, without Grafana, until Ctrl-C."""
    from pipeline.commands.page import serve

    log_to_stderr()
    serve(load(), port, console)


@app.command()
def replay(
    files: Annotated[list[Path], typer.Argument(help="Files of contract events, one JSON object a line; .gz too.")],
    speed: Annotated[str, typer.Option(help="1 keeps the pace of event time, 60 makes an hour a minute, max.")] = "1",
    shift_to_now: Annotated[
        bool,
        typer.Option(
            "--shift-to-now",
            help="Shift all instants so that the first event occurs now; with a speed above 1 the latest one, since "
            "workers clamp events ahead of the clock.",
        ),
    ] = False,
) -> None:
    """Publish contract events to Kafka, ids unchanged. Other lines are sent as they are."""
    from pipeline.commands.replay import SPEED_UNLIMITED
    from pipeline.commands.replay import replay as publish

    settings = load()
    factor = SPEED_UNLIMITED if speed == "max" else _positive("--speed", speed)
    for path in files:
        if not path.is_file():
            raise InputFileError(f"{path}: expected a file, found none")
    _prepare_topic(settings)
    sent = _with_progress(
        "events replayed",
        lambda show: publish(
            settings.kafka_bootstrap,
            settings.kafka_topic,
            files,
            factor,
            shift_to_now=shift_to_now,
            progress=show,
        ),
    )
    console.print(f"sent {sent} events to {settings.kafka_topic}")


@app.command()
def simulate(
    rate: Annotated[float, typer.Option(help="Events per second, about.")] = 100.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic.")] = 1,
    seconds: Annotated[float | None, typer.Option(help="End after this many seconds; without, when stopped.")] = None,
    truth: Annotated[Path, typer.Option(help="File for what was placed in the traffic.")] = Path("ground-truth.json"),
) -> None:
    """Publish live traffic, and write its ground truth to a file."""
    from pipeline.commands.simulate import publish_live
    from pipeline.signals import stop_requested

    settings = load()
    _prepare_topic(settings)
    with stop_requested() as stopped:
        sent = _with_progress(
            "events simulated",
            lambda show: publish_live(
                settings.kafka_bootstrap,
                settings.kafka_topic,
                rate,
                seed,
                seconds,
                truth,
                progress=show,
                stopped=stopped,
            ),
        )
    console.print(f"sent {sent} records to {settings.kafka_topic}; ground truth in {truth}")


@app.command()
def epoch(
    topic: Annotated[str, typer.Option(help="The topic that was recreated.")],
    why: Annotated[str, typer.Option(help="Written into the checkpoints.")],
    reset_watermark: Annotated[
        bool,
        typer.Option(
            "--reset-watermark",
            help="The log is the same, but a wrong clock has pushed its watermark into the future: continue at the "
            "checkpoint, with a watermark in the future set to the present.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
) -> None:
    """Begin a new epoch after a topic was recreated, or with a corrected watermark. Stop all workers first."""
    from pipeline.commands.epoch import new_epoch

    begun = new_epoch(load(), topic, why, reset_watermark=reset_watermark, dry_run=dry_run)
    for (log, partition), checkpoint in begun.checkpoints.items():
        since = datetime.fromtimestamp(checkpoint.watermark / 1000, UTC).isoformat(timespec="seconds")
        console.print(
            f"{'would begin' if dry_run else 'began'} epoch {checkpoint.epoch} of {log}[{partition}] at offset "
            f"{checkpoint.next_offset}, {f'watermark {since}' if checkpoint.watermark else 'without a watermark'}"
        )
    if begun.checkpoints and begun.at_work:
        console.print(f"first stop the workers that are running: {', '.join(begun.at_work)}")
    if begun.checkpoints and reset_watermark:
        verb = "would take" if dry_run else "took"
        console.print(f"{verb} back {begun.taken_back_count} minutes evaluated in the future")
    elif not begun.checkpoints and reset_watermark:
        console.print(f"no watermark of {topic} lies in the future: there is nothing to reset, and no epoch begins")
    elif not begun.checkpoints:
        console.print(f"the ledger knows nothing of {topic}: a worker begins epoch 1 by itself")


@app.command()
def skip(
    partition: Annotated[int, typer.Option(help="Partition of the record.")],
    offset: Annotated[int, typer.Option(help="Its offset there, as the worker named it.")],
    why: Annotated[str, typer.Option(help="Written into the dead letter.")],
    topic: Annotated[str | None, typer.Option(help="Its topic; without, the one of the events.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be skipped.")] = False,
) -> None:
    """Skip a record that crashes workers again and again: it becomes a dead letter."""
    from pipeline.commands.skip import skip as skip_record

    settings = load()
    done = skip_record(settings, topic or settings.kafka_topic, partition, offset, why, dry_run=dry_run)
    size = len(done.record.value or b"") if done.record else None
    content = "cannot be read here" if size is None else f"has a value of {size} bytes"
    console.print(
        f"{done.where}, which {content}, {'would be' if dry_run else 'is'} skipped; "
        + (f"restart the running workers: {', '.join(done.workers)}" if done.workers else "start the worker again"),
        highlight=False,
        markup=False,
    )


@app.command()
def check() -> None:
    """Check the configuration and the connections; say what is wrong and how to fix it."""
    from pipeline.commands.check import check as run_checks

    sys.exit(0 if run_checks(load(), console) else 1)


dead_letters = typer.Typer(no_args_is_help=True, help="Inspect rejected records and publish them again.")
app.add_typer(dead_letters, name="dead-letters")

Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only with this reason; may be repeated.")]
Since = Annotated[datetime | None, typer.Option(help="Only from this instant on (UTC), by the broker's time.")]
Until = Annotated[datetime | None, typer.Option(help="Only before this instant (UTC).")]


@dead_letters.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """List the newest dead letters: where, when and why, and when they were redriven."""
    from pipeline.commands.dead_letters import show_list

    show_list(load(), _filter(reason, since, until), limit, console)


@dead_letters.command("show")
def show_dead_letter(
    partition: Annotated[int, typer.Argument(help="Partition of the rejected record in its source topic.")],
    offset: Annotated[int, typer.Argument(help="Its offset there.")],
) -> None:
    """Show the dead letter of a record, whole, with its headers; of several records at that offset, all."""
    from pipeline.commands.dead_letters import show_one

    show_one(load(), partition, offset, console)


@dead_letters.command("redrive")
def redrive_dead_letters(
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that came back rejected from an earlier redrive.")
    ] = False,
) -> None:
    """Publish dead letters to the topic they came from, each once, as they were."""
    from pipeline.commands.dead_letters import redrive

    settings = load()
    wanted = _filter(reason, since, until)
    done = _with_progress(
        "dead letters sent", lambda show: redrive(settings, wanted, dry_run=dry_run, again=again, progress=show)
    )
    verb = "would send" if dry_run else "sent"
    noun = "dead letter" if done.sent.total() == 1 else "dead letters"
    console.print(f"{verb} {done.sent.total()} {noun} to {settings.kafka_topic}")
    for name, number in sorted(done.sent.items()):
        console.print(f"  {name}: {number}")
    if done.already:
        console.print(f"{done.already} were sent before")
    if done.without_value:
        console.print(
            f"{done.without_value} were too large for a dead letter, or unreadable: "
            "their headers say where the records are"
        )
    if done.came_back:
        console.print(f"{done.came_back} were sent before and came back rejected; --again sends them once more")


def _filter(reasons: list[str] | None, since: datetime | None, until: datetime | None) -> Any:
    from pipeline.commands.dead_letters import Filter
    from pipeline.contract.validation import REASONS

    for reason in reasons or ():
        if reason not in REASONS:
            raise typer.BadParameter(f"--reason: expected one of {', '.join(REASONS)}, got {reason!r}")
    return Filter(frozenset(reasons or ()), since, until)


def _positive(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"{name}: expected a number above 0 or max, got {text!r}")
    return number


def _prepare_topic(settings: Settings) -> None:
    from pipeline.kafka.admin import KafkaAdmin

    KafkaAdmin(settings.kafka_bootstrap).ensure_topic(
        settings.kafka_topic, settings.kafka_partitions, settings.kafka_replication
    )


def _with_progress(what: str, work: Callable[[Callable[[int], None]], Any]) -> Any:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        return work(lambda sent: progress.update(task, completed=sent))


if __name__ == "__main__":
    main()
