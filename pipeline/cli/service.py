"""Commands that run a part of the service, prepare its database, or check whether a worker could start."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import console
from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import connect
from pipeline.logs import log_to_stderr
from pipeline.settings import load

DataDirectory = Annotated[Path | None, typer.Option("--data", help="Directory for ClickHouse's data.")]


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


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be applied.")] = False,
) -> None:
    """Create tables and views, or bring them up to this version. Stop all workers before."""
    settings = load()
    if dry_run:
        with connect(settings) as client:
            plan = migrations.plan(client)
    else:
        plan = migrations.migrate(settings.clickhouse_url, settings.clickhouse_database)
    for file in plan.files:
        console.print(f"{'would apply' if dry_run else 'applied'} {file}")
    for view in plan.dropped_views:
        console.print(f"{'would drop' if dry_run else 'dropped'} the view {view}, which no file creates any more")
    if plan == migrations.NOTHING:
        console.print("up to date")


def worker() -> None:
    """Fold the log into ClickHouse. Run as many processes as there are partitions, if need be."""
    from pipeline.worker import run

    log_to_stderr()
    sys.exit(run(load()))


def page(
    port: Annotated[int | None, typer.Option(help="Instead of the setting's; 0 takes a free one.")] = None,
) -> None:
    """Serve the dashboards to a browser, without Grafana, until Ctrl-C."""
    from pipeline.commands.page import serve

    log_to_stderr()
    serve(load(), port, console)


def check() -> None:
    """Check the configuration and the connections; say what is wrong and how to fix it."""
    from pipeline.commands.check import check as run_checks

    sys.exit(0 if run_checks(load(), console) else 1)


def evaluate(
    file: Annotated[Path, typer.Argument(help="CSV file: a time and a count per row, or the time of an event each.")],
    false_episodes_per_week: Annotated[float, typer.Option(help="Budget of false episodes a week.")] = 1.0,
    zone: Annotated[str, typer.Option(help="IANA time zone of the hours of the week.")] = "UTC",
    holidays: Annotated[
        list[str] | None, typer.Option(help="Country, or country and region: US, DE-BY. May be repeated.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Where the picture goes; next to the file by default.")] = None,
) -> None:
    """Tell what the spike detector would have reported about counts of your own. Times without a zone are UTC."""
    from pipeline.commands.evaluate import evaluate as run

    run(file, false_episodes_per_week, zone, holidays or [], plot, console)
