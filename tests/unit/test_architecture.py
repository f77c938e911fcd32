"""Imports: `streams` is pure, and each client library is imported in one place only."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: The part of the standard library that `streams` may use: values, no clock, no randomness, no input or output.
PURE_MODULES = frozenset(
    (
        "array",
        "bisect",
        "collections",
        "datetime",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "math",
        "operator",
        "re",
        "typing",
        "zoneinfo",
    )
)
#: Where a client library may be imported: in a folder, or in one module.
DOORS = {
    "faust": ("pipeline/kafka/",),
    "aiokafka": ("pipeline/kafka/",),
    "kafka": ("pipeline/kafka/",),
    "clickhouse_connect": ("pipeline/clickhouse/client.py",),
    "prometheus_client": ("pipeline/metrics/",),
    "orjson": ("pipeline/contract/",),
    "chdb": ("pipeline/embedded/chdb_server/engine.py",),
    "aiohttp": ("pipeline/embedded/chdb_server/",),
    "cramjam": ("pipeline/embedded/chdb_server/",),
    "typer": ("pipeline/cli/", "pipeline/reference.py"),
    "rich": ("pipeline/cli/", "pipeline/commands/"),
    "rbloom": ("pipeline/processing/id_filter.py",),
    "numpy": ("streams/spikes/",),
    "holidays": ("pipeline/tenant_calendars.py",),
}
CLOCK_READERS = frozenset(("now", "utcnow", "today"))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Return line and full name of each import, including those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
            yield node.lineno, str(ast.literal_eval(node.args[0])) if _is_constant(node) else "?"


def _is_constant(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant)


def faults(path: str, source: str) -> list[str]:
    """Return the violations of the rules in a module. `path` is relative to the project, with slashes."""
    tree = ast.parse(source)
    found = []
    is_core = path.startswith("streams/")
    for line, name in imported(tree):
        top = name.partition(".")[0]
        if is_core and top not in PURE_MODULES | {"msgspec", "numpy", "streams"}:
            found.append(f"{path}:{line}: streams imports {name or top}")
        if top in DOORS and not path.startswith(DOORS[top]):
            found.append(f"{path}:{line}: {top} is imported outside {' and '.join(DOORS[top]) or 'any module'}")
    if is_core:
        found += [f"{path}:{line}: {what}" for line, what in _impure_calls(tree)]
    return found


def _impure_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCK_READERS:
            yield node.lineno, f"reads the clock: {ast.unparse(node)}"
        elif isinstance(node, ast.Attribute) and node.attr == "random":
            yield node.lineno, f"is random: {ast.unparse(node)}"
        elif isinstance(node, ast.Name) and node.id in ("hash", "open", "print", "input"):
            yield node.lineno, f"uses the builtin {node.id}"  # the hash of a text is salted per process


def modules(package: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", modules("streams") + modules("pipeline"))
def test_a_module_follows_the_import_rules(path: str) -> None:
    assert faults(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_there_are_modules_to_check_and_the_allowed_ones_exist() -> None:
    assert {"streams/events.py", "streams/panes/deltas.py"} <= set(modules("streams"))
    assert {"pipeline/contract/codec.py", "pipeline/kafka/transport.py", "pipeline/kafka/consumer.py"} <= set(
        modules("pipeline")
    )
    assert sys.stdlib_module_names >= PURE_MODULES


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("streams/panes/deltas.py", "import time"),
        ("streams/panes/deltas.py", "from random import Random"),
        ("streams/panes/deltas.py", "import asyncio, logging"),
        ("streams/panes/deltas.py", "import os.path"),
        ("streams/panes/deltas.py", "from socket import socket"),
        ("streams/panes/deltas.py", "def late():\n    import time\n"),
        ("streams/panes/deltas.py", "from pipeline.contract.codec import Codec"),
        ("streams/panes/deltas.py", "import pipeline"),
        ("streams/panes/deltas.py", "from . import panes"),
        ("streams/panes/deltas.py", "import numpy"),
        ("streams/spikes/week.py", "import numpy as np\nchance = np.random.default_rng()"),
        ("streams/panes/deltas.py", "import orjson"),
        ("streams/panes/deltas.py", "__import__('time')"),
        ("streams/panes/deltas.py", "from datetime import datetime\nat = datetime.now()"),
        ("streams/panes/deltas.py", "import datetime\nat = datetime.datetime.utcnow()"),
        ("streams/panes/deltas.py", "from datetime import date\nread = date.today"),
        ("streams/panes/deltas.py", "bucket = hash('a') % 8"),
        ("pipeline/worker.py", "import faust"),
        ("pipeline/worker.py", "from aiokafka.errors import KafkaError"),
        ("pipeline/worker.py", "from kafka.admin import NewTopic"),
        ("pipeline/worker.py", "def connect():\n    import clickhouse_connect\n"),
        ("pipeline/worker.py", "from prometheus_client import Counter"),
        ("pipeline/worker.py", "import orjson"),
        ("pipeline/embedded/chdb_server/__main__.py", "import chdb"),
        ("pipeline/worker.py", "import typer"),
        ("pipeline/web/server.py", "import aiohttp"),
        ("pipeline/clickhouse/blocks.py", "import cramjam"),
        ("pipeline/clickhouse/migrations.py", "import clickhouse_connect"),
        ("pipeline/ledger/store.py", "from rich.console import Console"),
        ("pipeline/worker.py", "import importlib\nimportlib.import_module('rbloom')"),
    ],
)
def test_a_planted_violation_is_detected(path: str, planted: str) -> None:
    assert faults(path, planted) != []


@pytest.mark.parametrize(
    ("path", "harmless"),
    [
        (
            "streams/panes/deltas.py",
            "from collections.abc import Iterable\nfrom datetime import UTC, datetime\nimport msgspec",
        ),
        ("streams/panes/deltas.py", "from streams.events import Event\nfrom hashlib import blake2b"),
        ("pipeline/kafka/consumer.py", "import faust\nfrom aiokafka.errors import KafkaError"),
        ("pipeline/kafka/producer.py", "from aiokafka import AIOKafkaProducer"),
        (
            "pipeline/worker.py",
            "import time\nfrom streams.panes.cells import CellIndex\nfrom pipeline.kafka.consumer import GroupConsumer",
        ),
        ("pipeline/cli/log.py", "import typer"),
    ],
)
def test_permitted_imports_are_not_reported(path: str, harmless: str) -> None:
    assert faults(path, harmless) == []
