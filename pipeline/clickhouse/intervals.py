"""Views that differ only in the interval they count by.

A statement after a line `-- for each of: minute, hour, day` is a template, which is filled in for each interval named.
It may contain these placeholders:

    {interval}          the name of the tier and of the column, and the end of the view's name
    {interval_column}   the column, with its type and comment
    {interval_start}    the expression for the column, from `start` of a pane
    {interval_seconds}  its length; only for minutes and hours
    {complete_days}     the number of days for which the tier is complete; only for minutes and hours
"""

import re

EACH = re.compile(r"^-- for each of: (.+)\n", re.MULTILINE)
PLACEHOLDER = re.compile(r"\{(\w+)\}")
INTERVALS = {
    "minute": {
        "interval": "minute",
        "interval_column": "minute DateTime('UTC') COMMENT 'start of the minute, UTC'",
        "interval_start": "start AS minute",
        "interval_seconds": "60",
        "complete_days": "14",
    },
    "hour": {
        "interval": "hour",
        "interval_column": "hour DateTime('UTC') COMMENT 'start of the hour, UTC'",
        "interval_start": "start AS hour",
        "interval_seconds": "3600",
        "complete_days": "400",
    },
    "day": {
        "interval": "day",
        "interval_column": "day Date COMMENT 'day in the reporting zone'",
        "interval_start": "reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day",
    },
}


def by_interval(statement: str) -> list[str]:
    """Return the statement for each interval that it names, or the statement itself if it names none.

    Raises KeyError for an unknown interval or placeholder.
    """
    each = EACH.search(statement)
    if each is None:
        return [statement]
    template = statement[: each.start()] + statement[each.end() :]
    return [_filled(template, INTERVALS[name]) for name in each[1].split(", ")]


def _filled(template: str, values: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values[found[1]], template)
