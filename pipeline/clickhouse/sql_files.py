"""The SQL files that create the database.

`migrations/NNNN_name.sql` are numbered and create tables and data: each is applied once, in order. `views/name.sql`
create views and SQL functions: each is applied again when its content has changed, or that of a file it needs, as named
in a line `-- needs: one, another`. ClickHouse copies what a view is built on (the body of a function, the columns of a
view) into the view when it is created, so a file that needs a changed one is out of date too. Views that differ only
in the interval they count by are written once (`intervals.py`).
"""

import hashlib
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from pipeline.clickhouse.intervals import by_interval
from pipeline.data_files import directory

NEEDS = re.compile(r"^-- needs: (.+)$", re.MULTILINE)
#: The object that a statement creates or alters; for a renamed table, its new name.
SUBJECT = re.compile(
    r"^(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE|RENAME TABLE IF EXISTS \w+ TO"
    r"|CREATE OR REPLACE VIEW|CREATE OR REPLACE FUNCTION) (\w+)",
    re.MULTILINE,
)


class SqlFile(NamedTuple):
    """One file: its statements in order, and its number, or its name and checksum, by which it is recorded."""

    number: int
    name: str
    statements: tuple[str, ...]
    checksum: str = ""

    def __str__(self) -> str:
        return f"{self.number:04} {self.name}" if self.number else self.path

    @property
    def path(self) -> str:
        """The file name, prefixed with `views/` for a file of views."""
        return f"{self.number:04}_{self.name}.sql" if self.number else f"views/{self.name}.sql"

    def subjects(self) -> list[str]:
        """Return the tables, views and functions that it creates or alters."""
        return [name for statement in self.statements for name in SUBJECT.findall(statement)]


@cache
def available() -> tuple[SqlFile, ...]:
    """Return the files of this version, in the order in which they are applied."""
    return (
        *numbered_files(directory("migrations", "deploy/clickhouse/migrations")),
        *view_files(directory("views", "deploy/clickhouse/views")),
    )


def numbered_files(folder: Path) -> list[SqlFile]:
    """Read the numbered files, in order."""
    files = []
    for path in sorted(folder.glob("[0-9]*.sql")):
        number, _, name = path.stem.partition("_")
        files.append(SqlFile(int(number), name, statements(path.read_text())))
    return files


def view_files(folder: Path) -> list[SqlFile]:
    """Read the files of views, ordered so that each follows those it needs."""
    texts = {path.stem: path.read_text() for path in sorted(folder.glob("*.sql"))}
    needs = {name: [need for line in NEEDS.findall(text) for need in line.split(", ")] for name, text in texts.items()}
    files: dict[str, SqlFile] = {}
    for name in TopologicalSorter(needs).static_order():
        made = tuple(view for statement in statements(texts[name]) for view in by_interval(statement))
        content = "\n".join((*made, *(files[need].checksum for need in needs[name])))
        files[name] = SqlFile(0, name, made, hashlib.sha256(content.encode()).hexdigest())
    return list(files.values())


def statements(text: str) -> tuple[str, ...]:
    """Split a file into statements, each ended by a semicolon at the end of a line. Comments are kept."""
    parts = (part.strip() for part in re.split(r";[ \t]*$", text, flags=re.MULTILINE))
    return tuple(part for part in parts if any(not line.startswith("--") for line in part.splitlines() if line))


@cache
def makers() -> dict[str, str]:
    """Return, for each table, view and function, the files that create it; for a view, only its file of views."""
    made: dict[str, list[str]] = {}
    for file in available():
        for name in file.subjects():
            paths = made.setdefault(name, [])
            if not file.number:
                paths.clear()
            if file.path not in paths:
                paths.append(file.path)
    return {name: ", ".join(paths) for name, paths in made.items()}
