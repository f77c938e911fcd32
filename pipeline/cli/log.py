"""Commands that write events to the log, or control how workers continue with it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import console, with_progress
from pipeline.errors import InputFileError
from pipeline.settings import Settings, load


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
    sent = with_progress(
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
        sent = with_progress(
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
