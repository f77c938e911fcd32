"""Imports of tests: no test imports another, and nothing in the unit tier starts a process or opens a connection."""

import ast
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIERS = ("unit", "engine", "system", "faults", "browser")
#: Whatever starts a process or opens a socket: in the standard library, other libraries and this project.
OUTSIDE = frozenset(
    (
        "aiohttp",
        "clickhouse_connect",
        "concurrent.futures",
        "confluent_kafka",
        "http.client",
        "http.server",
        "multiprocessing",
        "pipeline.cli",
        "pipeline.embedded.child",
        "pipeline.embedded.servers",
        "pipeline.http_server",
        "pipeline.worker",
        "socket",
        "socketserver",
        "subprocess",
        "urllib.request",
    )
)
#: They prove that both are refused at run time.
EXCEPTIONS = {"tests/unit/conftest.py": {"socket", "subprocess"}, "tests/unit/test_tiers.py": {"socket", "subprocess"}}

#: Returns the source of a module by its path, None if there is none.
Read = Callable[[str], str | None]


def on_disk(path: str) -> str | None:
    """Return the source of a module of the project."""
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else None


@cache
def imported(source: str) -> list[str]:
    """Return full names of a module's imports, also inside functions: `from a import b` may be `a` or `a.b`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
            found += [str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant)]
    return found


def faults(path: str, source: str, read: Read = on_disk) -> list[str]:
    """Return the violations of the rules in a module of the tests. `path` is relative to the project, with slashes."""
    found = [
        f"{path} imports the tests {name}"
        for name in imported(source)
        if name.startswith((".", "tests")) and any(part.startswith(("test_", "conftest")) for part in name.split("."))
    ]
    if path.startswith("tests/unit/"):
        reached = outside(source, read, {path}) - EXCEPTIONS.get(path, set())
        found += [f"{path} imports what starts a process or opens a socket: {name}" for name in sorted(reached)]
    return found


def outside(source: str, read: Read, seen: set[str]) -> frozenset[str]:
    """Return the imports of `OUTSIDE`, including those of test modules that are imported on the way."""
    names = imported(source)
    found = OUTSIDE.intersection(names)
    for base in (name.replace(".", "/") for name in names if name.startswith("tests.")):
        for path in (f"{base}.py", f"{base}/__init__.py"):
            if path not in seen:
                seen.add(path)
                found |= outside(read(path) or "", read, seen)
    return found


MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES)
def test_a_test_module_follows_the_import_rules(path: str) -> None:
    assert faults(path, on_disk(path) or "") == []


def test_every_test_lies_in_a_tier_and_is_marked_by_it(request: pytest.FixtureRequest) -> None:
    assert {path.split("/")[1] for path in MODULES if "/test_" in path} == set(TIERS)
    for item in request.session.items:
        tier = item.path.relative_to(ROOT / "tests").parts[0]
        assert [mark.name for mark in item.iter_markers() if mark.name in TIERS] == [tier]


def test_the_forbidden_modules_exist() -> None:
    assert [name for name in OUTSIDE if find_spec(name) is None] == []


PLANTED = {
    "tests/support/starting.py": "from subprocess import run",
    "tests/support/behind.py": "def later():\n    from tests.support import starting\n",
    "tests/support/harmless.py": "import json",
    "tests/support/package/__init__.py": "import socket",
}


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("tests/system/test_one.py", "from tests.system.test_other import encoded"),
        ("tests/system/test_one.py", "from tests.system import test_other"),
        ("tests/system/test_one.py", "import tests.unit.streams.test_days"),
        ("tests/system/test_one.py", "def late():\n    from .test_other import encoded\n"),
        ("tests/system/test_one.py", "from tests.conftest import Kafka"),
        ("tests/support/rows.py", "from tests.engine.test_ledger import rows"),
        ("tests/faults/soak.py", "importlib.import_module('tests.faults.test_soak')"),
        ("tests/unit/test_one.py", "import subprocess"),
        ("tests/unit/test_one.py", "from socket import create_connection"),
        ("tests/unit/test_one.py", "import http.server"),
        ("tests/unit/test_one.py", "from http import client"),
        ("tests/unit/streams/test_one.py", "def test():\n    import urllib.request\n"),
        ("tests/unit/test_one.py", "from concurrent.futures import ProcessPoolExecutor"),
        ("tests/unit/test_one.py", "from pipeline.embedded.servers import EmbeddedKafka"),
        ("tests/unit/test_one.py", "from pipeline.embedded import servers"),
        ("tests/unit/test_one.py", "from pipeline import cli"),
        ("tests/unit/conftest.py", "import http.client"),
        ("tests/unit/test_one.py", "from tests.support.starting import start"),
        ("tests/unit/test_one.py", "from tests.support import behind"),
        ("tests/unit/test_one.py", "from tests.support.behind import later"),
        ("tests/unit/test_one.py", "from tests.support.package import later"),
    ],
)
def test_a_planted_violation_is_detected(path: str, planted: str) -> None:
    assert faults(path, planted, PLANTED.get) != []


@pytest.mark.parametrize("name", ["tests.support.system", "tests.support.kafka", "tests.support.web.browser"])
def test_imports_that_start_a_process_are_detected_in_the_unit_tier(name: str) -> None:
    assert faults("tests/unit/test_one.py", f"import {name}") != []


@pytest.mark.parametrize(
    ("path", "harmless"),
    [
        ("tests/system/test_one.py", "import subprocess\nimport socket\nfrom tests.support.starting import start"),
        ("tests/system/test_one.py", "from tests.support.latest_records import encoded"),
        ("tests/system/test_one.py", "from pytest import mark\nfrom other.test_module import anything"),
        ("tests/unit/test_one.py", "from tests.support.harmless import read"),
        ("tests/unit/test_one.py", "from http import HTTPStatus\nfrom pipeline.embedded.chdb_server import encoding"),
        ("tests/unit/test_one.py", "from pipeline.clickhouse.client import Unavailable\nimport urllib.parse"),
        ("tests/unit/test_one.py", "text = 'import subprocess'"),
    ],
)
def test_permitted_imports_are_not_reported(path: str, harmless: str) -> None:
    assert faults(path, harmless, PLANTED.get) == []


def test_a_process_and_a_connection_are_refused_at_run_time() -> None:
    with pytest.raises(AssertionError, match="another tier"):
        subprocess.run([sys.executable, "-V"], check=False)
    with socket.socket() as unconnected:
        for attempt in (unconnected.connect, unconnected.bind):
            with pytest.raises(AssertionError, match="another tier"):
                attempt(("127.0.0.1", 9))
