"""Every column of the public views has a comment."""

import re
from pathlib import Path

from pipeline.clickhouse.client import ClickHouse


def test_every_column_of_the_public_views_has_a_comment(client: ClickHouse) -> None:
    views = client.rows(
        "SELECT table, countIf(comment = ''), count() FROM system.columns WHERE database = currentDatabase() "
        "AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View') "
        "AND table NOT IN ('panes', 'checkpoints', 'conversations') GROUP BY table"
    )
    files = (Path(__file__).parents[2] / "deploy" / "clickhouse" / "views").glob("*.sql")
    sql = "\n".join(file.read_text() for file in files)
    created = set(re.findall(r"VIEW (\w+)\b(?!\{)", sql)) - {"panes", "panes_between", "checkpoints", "conversations"}
    for intervals, name in re.findall(r"-- for each of: (.*)\nCREATE OR REPLACE VIEW (\w+)\{interval\} \(", sql):
        created |= {name + interval for interval in intervals.split(", ")}
    # The engine does not list the columns of parametrised views.
    parameterised = dict(re.findall(r"VIEW (\w+_(?:at|between)) \(\n(.*?)\n\) AS", sql, re.DOTALL))
    assert {view for view, *_ in views} == created - parameterised.keys()
    assert all(" COMMENT '" in line for columns in parameterised.values() for line in columns.splitlines())
    assert [view for view, without, _ in views if without] == []
