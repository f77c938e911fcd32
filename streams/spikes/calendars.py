"""The series of all tenants, by the calendar of their tenant: its local time and its holidays.

All of them share one budget. The series of one calendar lie side by side.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from typing import NamedTuple

from streams.spikes.all_series import AllSeries, shares
from streams.spikes.attribution import Line
from streams.spikes.bands import Band
from streams.spikes.calendar import LocalQuarter, LocalTime
from streams.spikes.detectors import Alarm
from streams.spikes.series import Counts, Place, Series


class SeriesStates(NamedTuple):
    """Numbers of series: watched, not yet known for a day, and silent (which are among the watched)."""

    watched_count: int
    learning_count: int
    silent_count: int


class Calendars:
    """The series by calendar; `budget` is false episodes a minute of all together.

    Tenants that `of_tenants` does not name are on the calendar `default`.
    """

    def __init__(self, budget: float, default: LocalTime, of_tenants: Mapping[str, LocalTime]) -> None:
        self._budget = budget
        self._default = AllSeries()
        self._of_tenants = {tenant: AllSeries() for tenant in of_tenants}
        self._groups = [(default, self._default)]
        self._groups += [(local_time, self._of_tenants[tenant]) for tenant, local_time in of_tenants.items()]
        self._quarters: list[LocalQuarter | None] = [None] * len(self._groups)
        self._known_count = -1
        #: All series seen so far.
        self.known: MutableMapping[Series, int] = ChainMap(*(group.numbers for _, group in self._groups))

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget now."""
        return [series for _, group in self._groups for series in group.watched]

    @property
    def states(self) -> SeriesStates:
        """How many series are watched, how many are learned first, and how many are silent."""
        groups = [group for _, group in self._groups]
        watched_count = sum(group.known_count for group in groups)
        return SeriesStates(watched_count, len(self.known) - watched_count, sum(group.silent_count for group in groups))

    def bands(self, minute: int) -> list[Band]:
        """Return the expected bands of the minute taken last."""
        return [band for _, group in self._groups for band in group.bands(minute)]

    def of(self, tenant: str) -> AllSeries:
        """Return the series on the calendar of a tenant."""
        return self._of_tenants.get(tenant, self._default)

    def take(self, counts: Mapping[Place, Counts]) -> None:
        """Set the counts of a minute."""
        for tenant, group in self._of_tenants.items():
            group.take({place: place_counts for place, place_counts in counts.items() if place[0] == tenant})
        if self._of_tenants:
            counts = {place: value for place, value in counts.items() if place[0] not in self._of_tenants}
        self._default.take(counts)

    def warm_up(self, minute: int) -> None:
        """Take the minute for the expectations alone."""
        for _, group in self._groups:
            group.warm_up(minute)

    def observe(self, minute: int) -> tuple[list[tuple[AllSeries, Alarm]], list[tuple[AllSeries, int]]]:
        """Take the minute, and return the alarms, and the numbers of the series that a silence begins in."""
        alarms: list[tuple[AllSeries, Alarm]] = []
        silent: list[tuple[AllSeries, int]] = []
        for _, group in self._groups:
            of_group, silent_numbers = group.observe(minute)
            alarms += [(group, alarm) for alarm in of_group]
            silent += [(group, number) for number in silent_numbers]
        return alarms, silent

    def turn(self, minute: int) -> None:
        """Begin the quarter of an hour that contains the minute; share the budget again on a new day."""
        is_any_new_day = False
        for index, (local_time, group) in enumerate(self._groups):
            quarter, last = local_time.quarter(minute), self._quarters[index]
            is_new_day = last is not None and quarter.day != last.day
            self._quarters[index] = quarter
            group.turn(minute, quarter, is_new_day)
            is_any_new_day |= is_new_day
        if is_any_new_day:
            self.share()

    def skip(self, minute: int) -> None:
        """Move to a minute, to be followed by `turn`; those skipped are unknown."""
        for _, group in self._groups:
            group.skip(minute)

    def lines(self, minute: int) -> Iterator[tuple[Series, Line]]:
        """Yield, for each series, the line of its expectation in the quarter of an hour that contains a minute."""
        for _, group in self._groups:
            first, slope = group.spikes.windows.line(minute)
            for number, series in enumerate(group.series):
                yield series, (float(first[number]), float(slope[number]))

    def share_if_more_are_known(self) -> None:
        """Share the budget again if another series has become known."""
        if sum(group.known_count for _, group in self._groups) != self._known_count:
            self.share()

    def share(self) -> None:
        """Give each series that is known its share of the budget."""
        self._known_count = sum(group.known_count for _, group in self._groups)
        share_of = shares(self.watched, self._budget)
        for _, group in self._groups:
            group.spend(share_of)
