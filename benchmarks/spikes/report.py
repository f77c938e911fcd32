"""The figures of one run as Markdown, for `docs/spikes.md`."""

from benchmarks.markdown import table
from benchmarks.spikes import candidates, false_alarms, nab, onsets
from benchmarks.spikes.false_alarms import interval
from benchmarks.spikes.figures import COMPARED, Figures, of


def tables(figures: Figures) -> dict[str, str]:
    """Return all figures as Markdown, by the name of their block in `docs/spikes.md`."""
    return {name: write(figures) for name, write in BLOCKS.items()}


def _summary(figures: Figures) -> str:
    ours = [one for one in figures.quiet if one.name == candidates.OURS]
    count, weeks = sum(one.episode_count for one in ours), sum(one.weeks for one in ours)
    low, high = interval(count)
    parts = ["**A quick run: too few for conclusions.**\n"] if figures.is_quick else []
    parts += [
        f"- Of the budget of one false episode a week, single series used {count / weeks:.0%} ({count} in {weeks} "
        f"weeks, 95 %: {low / weeks:.0%} to {high / weeks:.0%}), the worst kind "
        f"{max(one.episode_count / one.weeks for one in ours):.0%}."
    ]
    for name in COMPARED[1:]:
        rates = [one.episode_count / one.weeks for one in figures.quiet if one.name == name]
        parts.append(f"- {name}: {min(rates):.1f} to {max(rates):.1f} false episodes a week of a series.")
    for shape, mean in (("×5", 10.0), ("×5", 2.0), ("×2", 10.0), ("×1.5", 5.0)):
        (one,) = (one for one in of(figures, candidates.OURS, shape) if one.mean == mean)
        delay = one.median_delay
        half = "fewer than half noticed within the hour" if delay is None else f"half noticed within {delay:g} min"
        parts.append(f"- {shape} at {mean:g} a minute: {half}, {one.ratio_within(60):.0%} within the hour.")
    return "\n".join(parts)


def _installations(figures: Figures) -> str:
    found = figures.installations
    count, weeks = sum(one.episode_count for one in found), sum(one.weeks for one in found)
    low, high = interval(count)
    series, budget = found[0].series_count, found[0].budget_per_week
    days = weeks * 7 * series
    return (
        f"A whole installation, {series} series in {false_alarms.QUEUES} queues and "
        f"{len(false_alarms.CHANNELS)} channels under one budget of {budget:g} false episode a week, "
        "on quiet simulated weeks with days, nights and weekends: "
        f"**{count} in {weeks} weeks, {count / weeks:.2f} a week** (95 %: {low / weeks:.2f} to {high / weeks:.2f}), "
        f"{count / days:.5f} per series and day."
    )


def _quiet(figures: Figures) -> str:
    rows = []
    for name in (*COMPARED[:1], candidates.SHARING, *COMPARED[1:]):
        for dispersion in false_alarms.DISPERSIONS:
            found = [one for one in figures.quiet if one.name == name and one.dispersion == dispersion]
            rows.append([name, f"{dispersion:g}", *(_rate(one.episode_count, one.weeks) for one in found)])
    weeks = figures.quiet[0].weeks
    head = ["detector", "variance / mean", *(f"{mean:g} a minute" for mean in false_alarms.MEANS)]
    return (
        f"{weeks} weeks each after {false_alarms.LEARNED_WEEKS} of learning. Sichtflug has a budget of 1 a week, that "
        f"is 0.143 a day, and as one of {candidates.SHARED_AMONG} series {1 / 7 / candidates.SHARED_AMONG:.4f}.\n\n"
        f"{table(head, rows)}"
    )


def _wandering(figures: Figures) -> str:
    head = ["wanders by", *(f"{mean:g} a minute" for mean in false_alarms.WANDERING_MEANS)]
    rows = []
    for deviation, minutes in false_alarms.WANDERINGS:
        found = [one for one in figures.wandering if (one.deviation, one.minutes) == (deviation, minutes)]
        cells = (_rate(one.episode_count, one.weeks) for one in found)
        rows.append([f"{deviation:.0%}, forgotten in {minutes} min", *cells])
    return (
        f"{figures.wandering[0].weeks} weeks each, variance / mean {false_alarms.WANDERING_DISPERSION:g} besides the "
        f"wandering.\n\n{table(head, rows)}"
    )


def _rate(count: int, weeks: int) -> str:
    low, high = (limit / weeks / 7 for limit in interval(count))
    return f"{count / weeks / 7:.3f} ({low:.3f} to {high:.3f})"


def _detection(figures: Figures) -> str:
    injected = figures.noticed[0].injected_count
    parts = [
        f"{injected} spikes of each kind at each rate, variance / mean {onsets.DISPERSION:g}, after "
        f"{onsets.LEARNED_WEEKS} weeks of learning; shares within "
        f"{', '.join(str(limit) for limit in onsets.LIMITS_MINUTES)} minutes."
    ]
    for shape in onsets.SHAPES:
        head = ["detector", *(f"{mean:g} a minute" for mean in onsets.MEANS)]
        rows = []
        for name in (*COMPARED[:1], candidates.SHARING, *COMPARED[1:]):
            cells = []
            for one in of(figures, name, shape):
                shares = " / ".join(f"{one.ratio_within(limit):.2f}" for limit in onsets.LIMITS_MINUTES)
                delay = one.median_delay
                cells.append(f"{shares}, {'–' if delay is None else f'{delay:g}'}")
            rows.append([name, *cells])
        parts.append(f"### {shape}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _benchmark(figures: Figures) -> str:
    if not figures.benchmark:
        return "The series were not there."
    rows = [
        [
            f"{one.budget_days:g} days",
            *(f"{score:.1f}" for score in one.scores.values()),
            f"{one.missed_count} of {one.window_count}",
            f"{one.false_per_day:.3f} ({1 / one.budget_days:.3f})",
        ]
        for one in figures.benchmark
    ]
    head = ["a false episode in", *nab.PROFILES, "windows missed", "false episodes per series and day (allowed)"]
    return table(head, rows)


BLOCKS = {
    "summary": _summary,
    "installation": _installations,
    "quiet": _quiet,
    "wandering": _wandering,
    "detection": _detection,
    "benchmark": _benchmark,
}
