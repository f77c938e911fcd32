"""The command line. Names and options are stable, because users script against them."""

import sys

import typer

from pipeline.cli import dead_letters, log, service
from pipeline.errors import SichtflugError
from pipeline.logs import quieten_clients

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Live channel mix, backlog and escalation numbers from customer-interaction events.",
)
for command in (
    *(service.demo, service.embedded, service.migrate, service.worker, service.page),
    *(log.replay, log.simulate, log.epoch, log.skip),
    service.check,
    service.evaluate,
):
    app.command()(command)
app.add_typer(dead_letters.app, name="dead-letters")


def main() -> None:
    """Run a command; an expected error is one line on standard error and exit status 2."""
    quieten_clients()
    try:
        app()
    except SichtflugError as error:
        sys.stderr.write(f"sichtflug: {error}\n")
        sys.exit(2)
