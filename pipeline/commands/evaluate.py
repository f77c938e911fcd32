"""`sichtflug evaluate`: what the spike detector would have told about counts of one's own."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.errors import SettingsError
from pipeline.evaluation.counts_file import CountSeries, read_counts
from pipeline.evaluation.picture import picture
from pipeline.tenant_calendars import SpikesConfig, local_times
from streams.spikes.one_series import Replayed, replayed

WEEK_DAYS = 7


def evaluate(
    path: Path, false_episodes_per_week: float, zone: str, holidays: list[str], plot: Path | None, console: Console
) -> None:
    """Print the episodes found in a file of counts, and draw them. Raises SichtflugError."""
    if not 0 < false_episodes_per_week <= 100:
        raise SettingsError(f"--false-episodes-per-week: expected above 0 and up to 100, got {false_episodes_per_week}")
    try:
        local_time = local_times(SpikesConfig(holidays=holidays), zone).default
    except ValueError as error:
        raise SettingsError(f"--{error}") from None
    if not path.is_file():
        raise SettingsError(f"expected a file of counts, got {path}, which is none")
    target = plot or path.with_suffix(".svg")
    if target.resolve() == path.resolve():
        raise SettingsError(f"--plot: expected another file than the counts, got {target}")
    series = read_counts(path)
    found = replayed(series.counts, series.bin_seconds, false_episodes_per_week, local_time)
    console.print(_described(series))
    if found.episodes:
        console.print(_table(series, found))
    weeks = found.watched_days / WEEK_DAYS
    if not weeks:
        console.print("[bold]Nothing was watched[/]: a series is watched from a day after its first count on.")
    else:
        rate = len(found.episodes) / weeks
        console.print(
            f"{_episodes(len(found.episodes))} in {weeks:.1f} weeks watched: {rate:.2f} false ones a week if all are "
            f"false; the budget is {false_episodes_per_week:g}."
        )
    try:
        target.write_text(picture(series, found), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--plot: expected a file that can be written, got {target}: {error.strerror}") from None
    console.print(f"Silence is not judged here. Drawn to {target}")


def _episodes(count: int) -> str:
    return f"{count} episode{'' if count == 1 else 's'}"


def _described(series: CountSeries) -> str:
    total, length = sum(series.counts.values()), len(series.counts)
    described = f"{total} events in {length} bins of {series.bin_seconds // 60} min"
    if series.zero_count:
        described += f"; {series.zero_count} of them are missing in the file and count as zero"
    if series.row_seconds > series.bin_seconds:
        described += f", from rows of {series.row_seconds // 60} min divided evenly"
    return described


def _table(series: CountSeries, found: Replayed) -> Table:
    table = Table("since (UTC)", "noticed after", "lasted", "observed", "expected", "ratio", "further rises")
    minutes = series.bin_seconds // 60
    for run, further_rise_count in found.episodes:
        since = datetime.fromtimestamp(run.since * series.bin_seconds, UTC)
        table.add_row(
            f"{since:%Y-%m-%d %H:%M}",
            f"{(run.detected + 1 - run.since) * minutes} min",
            f"{(found.until(run) - run.since) * minutes} min" + (", and goes on" if run.until is None else ""),
            str(run.observed),
            f"{run.expected:.1f}",
            f"{run.ratio:.1f}",
            str(further_rise_count or ""),
        )
    return table
