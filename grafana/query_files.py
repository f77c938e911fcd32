"""The queries of panels, the files `queries/<name>.sql`.

The first comment line is the panel's title, the others say what the numbers mean. What several of them say is written
once, in `FRAGMENTS`, and stands there in braces.
"""

from itertools import takewhile
from pathlib import Path

import msgspec

QUERIES = Path(__file__).parent / "queries"
VARIABLES = ("tenant", "queue", "channel")


def _value(name: str) -> str:
    """What stands for a name in variables: hexadecimal digits after an x.

    Grafana's quoting escapes apostrophes and leaves backslashes alone, so a name as it is could leave its quotes. The x
    tells the unknown name from no choice.
    """
    return f"concat('x', hex({name}))"


def _chosen(name: str) -> str:
    return f"$__conditionalAll({_value(name)} IN (${{{name}:singlequote}}), ${name})"


FRAGMENTS = {
    # The conditions that the variables set.
    "filters": " AND ".join(map(_chosen, VARIABLES)),
    "filter_of_tenant": _chosen("tenant"),
    # The same on episodes, which have no queue or channel where they sum up several.
    "filters_of_spikes": " AND ".join(
        f"$__conditionalAll({_value(name)} IN ('x', ${{{name}:singlequote}}), ${name})" for name in VARIABLES
    ),
    # What a variable has as its value, for variables and links.
    **{f"{name}_value": f"{_value(name)} AS {name}_value" for name in VARIABLES},
    # Names to show, also for what is unknown.
    **{f"{name}_name": f"if({name} = '', '(unknown)', {name}) AS {name}_name" for name in VARIABLES},
    # Rolling windows that end with the last minute of the range.
    "last_minute": """emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime \
AND emitted_at > $__toTime - 604800
)""",
    # Rolling windows of the range, one for each interval that is drawn.
    "every_interval": """$__timeFilter(emitted_at)
    AND toUnixTimestamp(emitted_at) % greatest(60, intDiv($__interval_s, 60) * 60) = 0""",
    "all_escalations": " + ".join(
        f"escalated_{kind}_count" for kind in ("functional", "hierarchical", "handoff", "regulatory", "exposure")
    ),
}


class Query(msgspec.Struct, frozen=True):
    """What a panel asks, and what that means."""

    title: str
    description: str
    sql: str


def query(name: str) -> Query:
    """The query in `queries/<name>.sql`, with what is written once for all filled in. Raises ValueError."""
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").strip()
    lines_of_text = text.split("\n")
    comments = list(takewhile(lambda line: line.startswith("-- "), lines_of_text))
    if len(comments) < 2:
        raise ValueError(
            f"queries/{name}.sql: expected comments with a title and what the numbers mean, got {comments}"
        )
    title, *description = (line.removeprefix("-- ") for line in comments)
    sql = "\n".join(lines_of_text[len(comments) :])
    for placeholder, fragment in FRAGMENTS.items():
        sql = sql.replace(f"{{{placeholder}}}", fragment)
    return Query(title, " ".join(description), sql)
