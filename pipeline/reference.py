"""The reference pages of settings, command line, metrics and views, generated from the code.

`python -m pipeline.reference` writes them to `docs/reference/`; a test fails if the committed pages differ.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import typer
from typer.core import TyperGroup

from pipeline.cli import app
from pipeline.clickhouse.sql_files import view_files
from pipeline.data_files import directory
from pipeline.metrics.registry import every_metric
from pipeline.settings import PREFIX, SECRETS, TABLES, Settings
from pipeline.tenant_calendars import SpikesConfig
from streams.rules import RulesConfig

NOTE = "<!-- Written by `python -m pipeline.reference`. Change the code, not this page. -->"
VIEW = re.compile(
    r"CREATE OR REPLACE VIEW (?P<name>\w+)(?: \((?P<columns>.*?)^\))? AS(?P<query>.*)", re.DOTALL | re.MULTILINE
)
COLUMN = re.compile(r"^    (\w+) (.+?) COMMENT '((?:[^']|'')*)'", re.MULTILINE)
PARAMETER = re.compile(r"\{(\w+):")
_FIELD = re.compile(r"((?:    #: .*\n)+)    (\w+): ")


def pages() -> Mapping[str, str]:
    """Return the pages by file name."""
    return {
        "settings.md": _page(
            "Settings",
            "Environment variables, or their lower-case names without the prefix in `sichtflug.toml` "
            "(`SICHTFLUG_CONFIG` names another file). The environment overrides the file. "
            "An unknown or invalid setting stops the start.",
            _table(("variable", "default", "meaning"), _settings()),
            "## Rules\n\nTables of the file only, below `[rules]`: "
            "[deploy/sichtflug.toml](../../deploy/sichtflug.toml) shows them.",
            _table(("table or key", "default", "meaning"), _rules()),
            "## Spikes\n\nKeys of the file only, below `[spikes]`.",
            _table(("key", "default", "meaning"), _spikes()),
        ),
        "cli.md": _page(
            "Command line",
            "`sichtflug COMMAND --help` says the same. Exit status: 0 done, 1 something is wrong (`check`, "
            "`dead-letters show`), 2 an expected error in one line on standard error, 70 a defect in sichtflug.",
            *_commands(),
        ),
        "metrics.md": _page(
            "Metrics",
            "On `/metrics` of every worker (`SICHTFLUG_METRICS_PORT`). Base units; counters end in `_total`. "
            "What belongs to a partition has the label `partition`; windows and the backlog have `scope`, `tenant`, "
            "`queue` and `channel`. `sichtflug_customers_*` are the metrics of the customers stage.",
            _table(("metric", "kind", "meaning"), _metrics()),
        ),
        "views.md": _page(
            "Views",
            "What BI tools and dashboards query, and what its columns mean. A view with parameters is called like a "
            "function: `SELECT * FROM rolling_at(at = '2026-03-01 12:00:00')`. Instants are UTC.",
            *_views(),
        ),
    }


def _views() -> Iterator[str]:
    for file in view_files(directory("views", "deploy/clickhouse/views")):
        matches = (VIEW.match(_without_comments(statement)) for statement in file.statements)
        views = [view for view in matches if view]
        if views:
            title = file.name.replace("_", " ").capitalize()
            yield f"## {title}\n\n{_introduction(file.statements[0])}"
        for view in views:
            parameters = ", ".join(f"{name} = …" for name in dict.fromkeys(PARAMETER.findall(view["query"])))
            yield f"### {view['name']}{f'({parameters})' if parameters else ''}"
            columns = COLUMN.findall(view["columns"] or "")
            if not columns:
                yield f"```sql\n{view['query'].strip()}\n```"
                continue
            yield _table(("column", "type", "meaning"), ((f"`{name}`", kind, text) for name, kind, text in columns))


def _without_comments(statement: str) -> str:
    return "\n".join(line for line in statement.splitlines() if not line.startswith("--")).lstrip()


def _introduction(statement: str) -> str:
    """Return the first paragraph of the comment at the start of a file."""
    lines = [line.removeprefix("--").strip() for line in statement.splitlines() if line.startswith("--")]
    end = next((number for number, line in enumerate(lines) if not line or line.startswith("needs:")), len(lines))
    return " ".join(lines[:end])


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((NOTE, f"# {title}", *parts)) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _comments(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the comments above the fields of a struct, by field."""
    fields = _FIELD.findall(inspect.getsource(struct))
    return {name: " ".join(line.strip().removeprefix("#: ") for line in text.splitlines()) for text, name in fields}


def _defaults(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(struct):
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        is_plain = isinstance(default, str | int | float) and default != ""
        yield field.name, f"`{default}`" if is_plain else "empty" if not default else "see there"


def _settings() -> Iterator[tuple[str, str, str]]:
    texts = _comments(Settings)
    for name, default in _defaults(Settings):
        if name not in TABLES:
            secret = f" Or `{PREFIX}{name.upper()}_FILE`." if name in SECRETS else ""
            yield f"`{PREFIX}{name.upper()}`", default, texts[name] + secret


def _rules() -> Iterator[tuple[str, str, str]]:
    texts = _comments(RulesConfig)
    yield from ((f"`{name}`", default, texts[name]) for name, default in _defaults(RulesConfig))


def _spikes() -> Iterator[tuple[str, str, str]]:
    texts = _comments(SpikesConfig)
    yield from ((f"`{name}`", default, texts[name]) for name, default in _defaults(SpikesConfig))


def _commands() -> Iterator[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for path, command in _leaves("sichtflug", group):
        yield f"## {path}\n\n{command.help}"
        context = command.context_class(command)
        records = (parameter.get_help_record(context) for parameter in command.params if parameter.name != "help")
        rows = [(f"`{usage}`", " ".join(meaning.split())) for usage, meaning in filter(None, records)]
        if rows:
            yield _table(("argument or option", "meaning"), rows)


def _leaves(path: str, group: TyperGroup) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _leaves(f"{path} {name}", command)
        else:
            yield f"{path} {name}", command


def _metrics() -> Iterator[tuple[str, str, str]]:
    for name, kind, meaning in every_metric():
        yield f"`{name}`", kind, meaning


def main() -> None:
    """Write the pages to `docs/reference/` of the source tree."""
    directory = Path(__file__).resolve().parents[1] / "docs" / "reference"
    directory.mkdir(exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
