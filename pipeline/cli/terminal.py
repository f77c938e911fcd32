"""What commands share of the terminal: the console, and how far a long one is."""

import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

# A pipe or a file has no window width.
console = Console() if sys.stdout.isatty() else Console(width=160)


def with_progress(what: str, work: Callable[[Callable[[int], None]], Any]) -> Any:
    """Do `work`, and show how many of `what` it says that it has done."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        return work(lambda sent: progress.update(task, completed=sent))
