"""The queries of panels, in the files `queries/<name>.sql`.

The first comment line is the panel's title, the others are its description. Parts that several queries share are
defined once, in `FRAGMENTS`, and inserted for their names in braces.
"""

from itertools import takewhile
from pathlib import Path

import msgspec

QUERIES = Path(__file__).parent / "queries"
VARIABLES = ("tenant", "queue", "channel")


def _value(name: str) -> str:
    """Return the SQL that encodes a name as the value of a variable: hexadecimal digits after an x.

    Grafana's quoting escapes apostrophes but not backslashes, so a raw name could leave its quotes. The x distinguishes
    the unknown name from no choice.
    """
    return f"concat('x', hex({name}))"


def _chosen(name: str) -> str:
    return f"$__conditionalAll({_value(name)} IN (${{{name}:singlequote}}), ${name})"


FRAGMENTS = {
    # The conditions that the variables set.
    "filters": " AND ".join(map(_chosen, VARIABLES)),
    "filter_of_tenant": _chosen("tenant"),
    # The same for episodes, which have no queue or channel if they aggregate several.
    "filters_of_spikes": " AND ".join(
        f"$__conditionalAll({_value(name)} IN ('x', ${{{name}:singlequote}}), ${name})" for name in VARIABLES
    ),
    # The value of a variable, for variables and links.
    **{f"{name}_value": f"{_value(name)} AS {name}_value" for name in VARIABLES},
    # Names to show, including one for the unknown.
    **{f"{name}_name": f"if({name} = '', '(unknown)', {name}) AS {name}_name" for name in VARIABLES},
    # The rolling windows that end with the last minute of the range.
    "last_minute": """emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime \
AND emitted_at > $__toTime - 604800
)""",
    # The rolling windows of the range, one per interval drawn.
    "every_interval": """$__timeFilter(emitted_at)
    AND toUnixTimestamp(emitted_at) % greatest(60, intDiv($__interval_s, 60) * 60) = 0""",
    "all_escalations": " + ".join(
        f"escalated_{kind}_count" for kind in ("functional", "hierarchical", "handoff", "regulatory", "exposure")
    ),
}


class Query(msgspec.Struct, frozen=True):
    """The query of a panel, with its title and description."""

    title: str
    description: str
    sql: str


def query(name: str) -> Query:
    """Return the query in `queries/<name>.sql` with its fragments inserted. Raises ValueError."""
    text = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").strip()
    lines_of_text = text.split("\n")
    comments = list(takewhile(lambda line: line.startswith("-- "), lines_of_text))
    if len(comments) < 2:
        raise ValueError(f"queries/{name}.sql: expected comments with a title and a description, got {comments}")
    title, *description = (line.removeprefix("-- ") for line in comments)
    sql = "\n".join(lines_of_text[len(comments) :])
    for placeholder, fragment in FRAGMENTS.items():
        sql = sql.replace(f"{{{placeholder}}}", fragment)
    return Query(title, " ".join(description), sql)
