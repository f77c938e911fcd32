"""`sichtflug dead-letters`: its commands and their options."""

from datetime import datetime
from typing import Annotated, Any

import typer

from pipeline.cli.terminal import console, with_progress
from pipeline.settings import load

app = typer.Typer(no_args_is_help=True, help="Inspect rejected records and publish them again.")

Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only with this reason; may be repeated.")]
Since = Annotated[datetime | None, typer.Option(help="Only from this instant on (UTC), by the broker's time.")]
Until = Annotated[datetime | None, typer.Option(help="Only before this instant (UTC).")]


@app.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """List the newest dead letters: where, when and why, and when they were redriven."""
    from pipeline.commands.dead_letters import show_list

    show_list(load(), _filter(reason, since, until), limit, console)


@app.command("show")
def show_dead_letter(
    partition: Annotated[int, typer.Argument(help="Partition of the rejected record in its source topic.")],
    offset: Annotated[int, typer.Argument(help="Its offset there.")],
) -> None:
    """Show the dead letter of a record, whole, with its headers; of several records at that offset, all."""
    from pipeline.commands.dead_letters import show_one

    show_one(load(), partition, offset, console)


@app.command("redrive")
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
    done = with_progress(
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
