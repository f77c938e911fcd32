"""The terminal, shared by all commands: the console, and the progress of long commands."""

import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

# A pipe or a file has no window width.
console = Console() if sys.stdout.isatty() else Console(width=160)


def with_progress(what: str, work: Callable[[Callable[[int], None]], Any]) -> Any:
    """Return the result of `work`, and show its progress meanwhile: the number of `what` that it reports."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        return work(lambda sent: progress.update(task, completed=sent))
