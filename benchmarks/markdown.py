"""Markdown: tables, and generated figures inside a page whose prose is written by hand.

A block of figures begins with the line `<!-- figures: NAME -->` and ends with the next line `<!-- end -->`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

BLOCK = re.compile(r"^(<!-- figures: (\w+) -->)\n.*?^(<!-- end -->)$", re.DOTALL | re.MULTILINE)


def with_figures(page: str, blocks: Mapping[str, str]) -> str:
    """Return the page with the content of each of its blocks replaced.

    Raises ValueError unless the page has each of the given blocks once, and no others.
    """
    names = [found[2] for found in BLOCK.finditer(page)]
    if sorted(names) != sorted(blocks):
        raise ValueError(f"expected one block of figures for each of {sorted(blocks)}, found {sorted(names)}")
    return BLOCK.sub(lambda found: f"{found[1]}\n\n{blocks[found[2]].strip()}\n\n{found[3]}", page)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a line of column names."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
