"""A holiday is judged as what it is for a series: closed, like a Sunday, or a day like any other."""

import pytest

from tests.support.streams.counts import BINS_PER_HOUR, DAY, MONDAY, WEEK, alarms, usual

SERIES = 6
HOUR = BINS_PER_HOUR
#: Two Wednesdays, a week apart; and a burst on the second one.
HOLIDAYS = [MONDAY // DAY + 4 * 7 + 2, MONDAY // DAY + 5 * 7 + 2]
BURST = range(HOLIDAYS[1] * DAY + 13 * HOUR, HOLIDAYS[1] * DAY + 14 * HOUR)
BINS = range(MONDAY, MONDAY + 6 * WEEK)


@pytest.mark.parametrize(("share", "what"), [(1.0, "a day like any other"), (0.5, "like a Sunday"), (0.02, "closed")])
def test_a_holiday_raises_no_alarm_whatever_it_is_for_a_series(share: float, what: str) -> None:
    def rate(at: int) -> float:
        return 10 * usual(at) * (share if at // DAY in HOLIDAYS else 1)

    found = [alarm for alarm in alarms(rate, BINS, holidays=HOLIDAYS) if alarm.at // DAY in HOLIDAYS]
    # By chance one in seven days: two days of six series have 1.7, and 5 or more have a probability of 0.03.
    assert len(found) <= 4, what


@pytest.mark.parametrize(("share", "factor"), [(1.0, 3), (0.5, 4), (0.05, 40)])
def test_a_burst_on_a_holiday_alarms_by_what_the_last_holiday_was_like(share: float, factor: int) -> None:
    def rate(at: int) -> float:
        return 10 * usual(at) * (share if at // DAY in HOLIDAYS else 1) * (factor if at in BURST else 1)

    found = alarms(rate, BINS, holidays=HOLIDAYS)
    noticed = {alarm.series for alarm in found if 0 <= alarm.at - BURST.start < HOUR // 3}
    assert noticed == set(range(SERIES))
