"""Imports go one way: a package of `pipeline` or `streams` imports only itself and packages of a lower layer."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: From the highest layer to the lowest. Packages of one layer do not import each other.
LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "pipeline": (
        ("__main__", "reference"),
        ("cli",),
        ("commands",),
        ("worker",),
        ("startup",),
        ("stages",),
        ("processing",),
        ("ledger", "web", "evaluation"),
        ("metrics", "kafka", "embedded"),
        ("contract", "clickhouse"),
        ("retry", "settings"),
        (
            *("errors", "signals", "logs", "simulation", "settings_file", "credentials", "http_server", "data_files"),
            "tenant_calendars",
        ),
    ),
    "streams": (
        ("checkpoint",),
        ("fold", "customers"),
        ("conversations",),
        ("panes",),
        ("events", "rules", "books"),
        ("calendars",),
        ("watermark", "spikes"),
        ("days",),
    ),
}
#: May be imported only by the packages named.
KNOWN_TO = {"web": ("cli", "commands"), "embedded": ("cli", "commands"), "simulation": ("cli", "commands")}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Return line and module of each import of ours, including those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module in LAYERS:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def violations(path: str, source: str) -> list[str]:
    """Return a module's imports that go upwards or sideways. `path` is relative to the project, with slashes."""
    package, importer = path.removesuffix(".py").split("/")[:2]
    found = []
    for line, name in imports(source):
        top, _, rest = name.partition(".")
        imported = rest.partition(".")[0]
        if top not in LAYERS or not imported:
            continue
        is_allowed = package == "pipeline" if top != package else _is_below(package, importer, imported)
        is_allowed = is_allowed and not _is_sibling_stage(path, name)
        if top == "pipeline" and imported in KNOWN_TO and imported != importer:
            is_allowed = is_allowed and importer in KNOWN_TO[imported]
        if not is_allowed:
            found.append(f"{path}:{line}: {package}/{importer} must not import {name}")
    return found


def _is_below(package: str, importer: str, imported: str) -> bool:
    return importer == imported or _layer(package, importer) < _layer(package, imported)


def _layer(package: str, name: str) -> int:
    for number, names in enumerate(LAYERS[package]):
        if name in names:
            return number
    raise LookupError(f"expected {package}/{name} to be in a layer of tests/unit/test_layers.py, found none")


def _is_sibling_stage(path: str, name: str) -> bool:
    """Return whether one stage imports another one; code shared by stages lies beside them."""
    mine, theirs = path.split("/"), name.split(".")
    is_stage = (ROOT / "pipeline" / "stages" / (theirs[2] if len(theirs) > 2 else "")).is_dir()
    return mine[1] == theirs[1] == "stages" and len(mine) > 3 and len(theirs) > 2 and is_stage and mine[2] != theirs[2]


def modules() -> list[str]:
    found = (path.relative_to(ROOT).as_posix() for package in LAYERS for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if path.count("/") > 1 or not path.endswith("__init__.py"))


@pytest.mark.parametrize("path", modules())
def test_a_module_only_imports_downwards(path: str) -> None:
    assert violations(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_every_layer_exists_and_no_folder_holds_more_than_25_modules() -> None:
    for package, layers in LAYERS.items():
        for name in (name for names in layers for name in names):
            assert (ROOT / package / name).is_dir() or (ROOT / package / f"{name}.py").is_file(), name
    for package in (*LAYERS, "tests", "benchmarks", "grafana"):
        for folder in ((ROOT / package), *(path for path in (ROOT / package).rglob("*") if path.is_dir())):
            assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 25, folder


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("pipeline/commands/demo.py", "from pipeline.cli import main"),
        ("pipeline/worker.py", "from pipeline.commands.check import check"),
        ("pipeline/startup.py", "def late():\n    from pipeline.worker import run\n"),
        ("pipeline/stages/facts.py", "import pipeline.startup"),
        ("pipeline/stages/customers/stage.py", "from pipeline.stages.interactions.rows import EventRowEncoder"),
        ("pipeline/processing/stage.py", "from pipeline.stages import facts"),
        ("pipeline/ledger/store.py", "from pipeline.processing.state import StateCache"),
        ("pipeline/web/server.py", "from pipeline.ledger.store import PartitionLedger"),
        ("pipeline/ledger/store.py", "from pipeline.web.server import PageServer"),
        ("pipeline/kafka/admin.py", "from pipeline.metrics.stage import StageMetrics"),
        ("pipeline/metrics/stage.py", "from pipeline.ledger.store import PartitionLedger"),
        ("pipeline/embedded/servers.py", "from pipeline.kafka.admin import KafkaAdmin"),
        ("pipeline/contract/codec.py", "from pipeline.kafka.transport import Batch"),
        ("pipeline/clickhouse/client.py", "from pipeline.contract.codec import Codec"),
        ("pipeline/settings.py", "from pipeline.clickhouse.client import ClickHouse"),
        ("pipeline/retry.py", "from pipeline.kafka.admin import KafkaAdmin"),
        ("pipeline/errors.py", "from pipeline.settings import Settings"),
        ("pipeline/simulation/traffic.py", "from pipeline.contract.codec import Codec"),
        ("pipeline/worker.py", "from pipeline.simulation.traffic import Traffic"),
        ("pipeline/worker.py", "from pipeline.embedded.servers import EmbeddedKafka"),
        ("streams/checkpoint.py", "from pipeline.settings import Settings"),
        ("streams/fold.py", "from streams.checkpoint import Checkpoint"),
        ("streams/customers/fold.py", "from streams.fold import ConversationFold"),
        ("streams/conversations/life_cycle.py", "from streams.customers.customer import Customer"),
        ("streams/panes/deltas.py", "from streams.conversations.conversation import Conversation"),
        ("streams/events.py", "from streams.panes.cells import Cell"),
        ("streams/calendars.py", "from streams.rules import Rules"),
        ("streams/spikes/watch.py", "from streams.panes.counters import Counter"),
        ("streams/watermark.py", "from streams.spikes.watch import Watch"),
    ],
)
def test_a_planted_upward_import_is_detected(path: str, planted: str) -> None:
    assert violations(path, planted) != []


@pytest.mark.parametrize(
    ("path", "harmless"),
    [
        ("pipeline/cli/service.py", "from pipeline.commands.demo import run\nfrom pipeline.simulation import traffic"),
        (
            "pipeline/stages/customers/stage.py",
            "from pipeline.stages.facts import records\nimport pipeline.processing.stage",
        ),
        (
            "pipeline/kafka/consumer.py",
            "from pipeline.kafka.transport import Batch\nfrom pipeline.contract import records",
        ),
        ("pipeline/errors.py", "import sys\nfrom streams.events import Event"),
        (
            "streams/fold.py",
            "from streams.conversations.facts import ConversationFact\nfrom streams.books import Books",
        ),
    ],
)
def test_imports_allowed_by_the_layers_are_not_reported(path: str, harmless: str) -> None:
    assert violations(path, harmless) == []
