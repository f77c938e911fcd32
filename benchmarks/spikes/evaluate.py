"""Measure the spike detector for docs/spikes.md: `make evaluate`, with `ARGS=--quick` for a small run.

Everything is drawn from seeds: the same code writes the same page, whatever the number of processes.
"""

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

from benchmarks.markdown import with_figures
from benchmarks.spikes import false_alarms, nab, onsets
from benchmarks.spikes.figures import Figures, delay_chart, detection_chart, false_chart
from benchmarks.spikes.report import tables

ROOT = Path(__file__).resolve().parents[2]
WANDERING = [(*how, mean) for how in false_alarms.WANDERINGS for mean in false_alarms.WANDERING_MEANS]
PAGE = ROOT / "docs" / "spikes.md"
DATA = ROOT.parent / "shared" / "data" / "nab"


def measure(quick: bool, data: Path) -> Figures:
    """Return all figures; without the benchmark's series in `data`, its figures are missing."""
    series_count, installations, injected_count = (2, 1, 40) if quick else (10, 5, 200)
    with ProcessPoolExecutor(2) as pool:
        installed = pool.map(false_alarms.of_installation, range(installations))
        noticed = pool.map(partial(onsets.of_mean, injected_count=injected_count), onsets.MEANS)
        cells = [(mean, dispersion) for mean in false_alarms.MEANS for dispersion in false_alarms.DISPERSIONS]
        calm = pool.map(partial(_quiet, series_count=series_count), cells)
        wandering = pool.map(partial(_wandering, series_count=series_count), WANDERING)
        scored = pool.submit(_score, data) if data.exists() else None
        return Figures(
            quiet=list(chain.from_iterable(calm)),
            wandering=list(wandering),
            installations=list(installed),
            noticed=list(chain.from_iterable(noticed)),
            benchmark=scored.result() if scored else [],
            is_quick=quick,
        )


def _quiet(cell: tuple[float, float], series_count: int) -> list[false_alarms.Quiet]:
    return false_alarms.of_series(*cell, series_count)


def _wandering(cell: tuple[float, int, float], series_count: int) -> false_alarms.Wandering:
    return false_alarms.of_wandering(*cell, series_count)


def _score(data: Path) -> list[nab.Result]:
    return nab.at_budgets(nab.load(data))


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it works")
    parser.add_argument("--data", type=Path, default=DATA, help="directory with the series of the Numenta benchmark")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where spikes.md and spikes/ are written")
    given = parser.parse_args()
    figures = measure(given.quick, given.data)
    plots: dict[str, Callable[[Figures], str]] = {
        "false.svg": false_chart,
        "detection.svg": detection_chart,
        "delay.svg": delay_chart,
    }
    (given.docs / "spikes").mkdir(parents=True, exist_ok=True)
    for name, draw in plots.items():
        (given.docs / "spikes" / name).write_text(draw(figures), encoding="utf-8")
    page = given.docs / "spikes.md"
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(with_figures(text, tables(figures)), encoding="utf-8")
    sys.stdout.write(f"wrote {given.docs / 'spikes.md'} and {len(plots)} plots\n")


if __name__ == "__main__":
    main()
