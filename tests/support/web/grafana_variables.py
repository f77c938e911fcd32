"""Grafana's expansion of variables in a query, before ClickHouse's data source sees it; not our own expander.

After the formatter `singlequote` of @grafana/scenes (an apostrophe gets a backslash, nothing else changes), the data
source's `metricFindQuery` (the first column is the value, the second the text) and its `applyConditionalAll` (1=1 where
the values joined by commas are nothing or `$__all`; the innermost first).
"""

import re
from collections.abc import Mapping, Sequence

ALL = "$__all"


def single_quoted(values: Sequence[str]) -> str:
    return ",".join("'" + value.replace("'", "\\'") + "'" for value in values)


def with_variables(sql: str, chosen: Mapping[str, Sequence[str]]) -> str:
    """Return the query with its variables replaced by the selected values; macros of the backend stay."""
    macro = "$__conditionalAll("
    while macro in sql:
        begin = sql.rindex(macro)
        depth, end = 0, begin + len(macro)
        while depth >= 0:
            depth += (sql[end] == "(") - (sql[end] == ")")
            end += 1
        condition, _, variable = sql[begin + len(macro) : end - 1].rpartition(",")
        value = ",".join(chosen[variable.strip().removeprefix("$")])
        sql = sql[:begin] + ("1=1" if value in ("", ALL) else condition) + sql[end:]
    return re.sub(r"\$\{(\w+):singlequote\}", lambda found: single_quoted(chosen[found[1]]), sql)
