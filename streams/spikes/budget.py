"""How one budget of false alarms is shared by all series that are watched."""

from collections import Counter
from collections.abc import Collection

from streams.spikes.series import Series


def shares(watched: Collection[Series], budget: float) -> dict[Series, float]:
    """What each series may use up of the budget; together that is all of it.

    Each measure and scope of which there is a series gets as much as the others, and its series get equal parts: one
    more queue makes the queues a little less sensitive, and never the totals. The series overlap, so that several of
    them alarm over one thing: the budget is an upper bound of the false episodes.
    """
    numbers = Counter((series.measure, series.scope) for series in watched)
    return {series: budget / len(numbers) / numbers[series.measure, series.scope] for series in watched}
